//! What a group of writes to one thread works with: the thread as it is known, and what is to be written.
//!
//! Nothing is written before the group's end, but what has to be there for something that is read on the way. So a
//! write that is refused is simply left out.

use everthread_graph::contract::{CheckpointId, Json, Namespace};
use everthread_store::{Clock, ListEdit, ListState, StoredList, TRANSCRIPT};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conn::{Conn, Statement};
use crate::error::{Sql, damaged};
use crate::param::Params;
use crate::sql::change::{self, Changes};
use crate::sql::place::Place;
use crate::sql::state::{self, Head, ThreadState};
use crate::writer::Channels;

/// What the rules need beside the rows.
#[derive(Debug)]
pub(crate) struct Env {
    /// The time.
    pub(crate) clock: Clock,
    /// The name of this process's lease.
    pub(crate) owner: Uuid,
    /// Runs that may wait on one thread.
    pub(crate) waiting_runs: usize,
    /// Numbers of list channels.
    pub(crate) channels: Channels,
}

/// A thread that is being written to.
pub(crate) struct Desk<'a> {
    conn: &'a Conn,
    /// What the rules need.
    pub(crate) env: &'a Env,
    /// The thread.
    pub(crate) state: ThreadState,
    writes: Vec<Statement>,
    /// How many of them are those of earlier writes of the group.
    before: usize,
    /// How many of them were sent.
    sent: usize,
    /// The thread before this write.
    kept: Option<ThreadState>,
}

impl<'a> Desk<'a> {
    /// For a thread that is locked on this connection.
    pub(crate) fn new(conn: &'a Conn, env: &'a Env, state: ThreadState) -> Self {
        Self {
            conn,
            env,
            state,
            writes: Vec::new(),
            before: 0,
            sent: 0,
            kept: None,
        }
    }

    /// Begins one write.
    pub(crate) fn begin(&mut self) {
        self.before = self.writes.len();
        self.kept = Some(self.state.clone());
    }

    /// Takes one write back.
    pub(crate) fn take_back(&mut self) {
        self.writes.truncate(self.before);
        if let Some(kept) = self.kept.take() {
            self.state = kept;
        }
    }

    /// To be written.
    pub(crate) fn write(&mut self, statement: Statement) {
        self.writes.push(statement);
    }

    /// The time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.env.clock.now_ms()
    }

    /// Where the thread's rows are.
    pub(crate) fn place(&self) -> Place {
        self.state.place.clone()
    }

    /// The connection, once earlier writes of the group are there to be read.
    pub(crate) async fn reader(&mut self) -> Sql<&'a Conn> {
        if self.sent < self.before {
            let earlier = self.writes.get(self.sent..self.before).unwrap_or_default();
            self.conn.send(earlier).await?;
            self.sent = self.before;
        }
        Ok(self.conn)
    }

    /// The first row that a statement gives.
    pub(crate) async fn row(&mut self, sql: &'static str, params: Params<'_>) -> Sql<Option<Row>> {
        self.reader().await?.row(sql, params).await
    }

    /// All that is still to be sent, with the thread's own rows.
    pub(crate) fn rest(mut self) -> (ThreadState, Vec<Statement>) {
        let mut rest = self.writes.split_off(self.sent);
        rest.extend(self.state.flush());
        (self.state, rest)
    }

    /// The head of a namespace; `None` when the namespace never had a checkpoint.
    pub(crate) async fn head(&mut self, ns: &Namespace) -> Sql<Option<&mut Head>> {
        if !self.state.knows_head(ns) {
            let conn = self.reader().await?;
            state::read_head(conn, &mut self.state, ns).await?;
        }
        Ok(self.state.known_head(ns))
    }

    /// The head checkpoint of the thread's own graph.
    pub(crate) async fn root(&mut self) -> Sql<Option<CheckpointId>> {
        Ok(self
            .head(&Namespace::root())
            .await?
            .and_then(|head| head.checkpoint))
    }

    /// The list that a change left; `None` when it left a plain value.
    pub(crate) async fn list(&mut self, n: u64) -> Sql<Option<StoredList>> {
        self.remember(&[n]).await?;
        Ok(self.state.known_list(n).cloned())
    }

    /// Reads what these changes left, as far as it is not remembered.
    pub(crate) async fn remember(&mut self, changes: &[u64]) -> Sql<()> {
        let unknown: Vec<u64> = changes
            .iter()
            .copied()
            .filter(|n| self.state.known_list(*n).is_none() && self.state.known_value(*n).is_none())
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let place = self.place();
        let found = Changes::read(self.reader().await?, &place, &unknown).await?;
        for n in unknown {
            match found.get(n)? {
                (true, _) => self.state.keep_list(n, found.list(n)?),
                (false, body) => {
                    self.state.keep_value(n, Json::trusted(body));
                }
            }
        }
        Ok(())
    }

    /// Messages in the transcript of the head.
    pub(crate) async fn transcript_len(&mut self) -> Sql<u64> {
        let head = self.head(&Namespace::root()).await?;
        let n = head
            .and_then(|head| head.channels.as_ref())
            .and_then(|channels| channels.get(TRANSCRIPT).copied());
        let Some(n) = n else {
            return Ok(0);
        };
        Ok(self.list(n).await?.map_or(0, |list| list.state.all.len()))
    }

    /// Writes a list that follows another; gives the number of the change.
    pub(crate) fn write_list(
        &mut self,
        before: Option<(u64, &StoredList)>,
        edit: &ListEdit,
    ) -> Sql<u64> {
        let (list, body) = StoredList::next(before, edit)
            .ok_or_else(|| damaged("a list does not fit its own edit"))?;
        self.state.counters.change += 1;
        let n = self.state.counters.change;
        // Only an edit is counted as one.
        let base = before.filter(|_| list.chain.edits > 0).map(|(on, _)| on);
        let place = self.place();
        self.write(change::write(&place, n, true, base, &body));
        self.state.keep_list(n, list);
        Ok(n)
    }

    /// Takes the value of a list away and leaves its transcript; `None` when it is no list.
    pub(crate) async fn clear_list(&mut self, n: u64) -> Sql<Option<u64>> {
        match self.list(n).await? {
            Some(list) => self
                .write_list(Some((n, &list)), &ListState::clear())
                .map(Some),
            None => Ok(None),
        }
    }
}
