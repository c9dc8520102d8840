//! A thread as a process knows it: its counters, its heads, its active run, and what its newest changes left.
//!
//! Whoever writes to a thread locks its row and holds the row's mark against the one remembered: where they are the
//! same nobody else wrote since, and nothing else need be read. Changes are made here, and written with the commit.

use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Json, Namespace, RunId, ThreadKey};
use everthread_store::{RunStatus, StoredList};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conn::{Conn, Statement};
use crate::error::Sql;
use crate::param::{Columns, Text, number};
use crate::sql::change::{self, ChannelMap};
use crate::sql::place::{self, Place};
use crate::sql::run;

/// Lists that are kept for each thread.
const KEPT_LISTS: usize = 4;

/// Plain values that are kept for each thread, and how long one may be.
const KEPT_VALUES: usize = 16;
const MAX_KEPT_BYTES: usize = 4_096;

/// How exactly it is known when a user was last active: one row less to write in each of many quick turns.
const ACTIVITY_STEP_MS: i64 = 1_000;

/// Namespaces that are kept for each thread.
const KEPT_HEADS: usize = 64;

/// A thread as a process knows it.
#[derive(Debug, Clone)]
pub(crate) struct ThreadState {
    /// Where its rows are.
    pub(crate) place: Place,
    /// Whose row this is the state of.
    pub(crate) mark: i64,
    /// The highest numbers given, and its counts.
    pub(crate) counters: Counters,
    /// When it last changed.
    pub(crate) updated_ms: i64,
    /// When its user was last active, when that is still to be written.
    pub(crate) active_ms: Option<i64>,
    /// Its active run.
    pub(crate) active: Option<ActiveRun>,
    /// Runs that ended and are still to be written.
    pub(crate) ended: Vec<ActiveRun>,
    /// Whether runs wait on it.
    pub(crate) waiting: bool,
    /// What was last written of that.
    active_written_ms: i64,
    heads: Vec<(Namespace, Head)>,
    /// Namespaces that were looked for, whether they are there or not.
    looked_for: Vec<Namespace>,
    /// Whether all heads are known: it was created by whoever holds this.
    is_fresh: bool,
    lists: Vec<(u64, StoredList)>,
    values: Vec<(u64, Json)>,
    changed: bool,
}

/// The highest numbers given so far, and counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) fence: i64,
    pub(crate) seq: u64,
    pub(crate) change: u64,
    pub(crate) run: i64,
    pub(crate) branch: i64,
    pub(crate) messages: u64,
    pub(crate) turns: u64,
}

/// The head of one namespace.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// `None` when a rollback left none.
    pub(crate) checkpoint: Option<CheckpointId>,
    /// The highest that it ever had.
    pub(crate) last: CheckpointId,
    /// The line that it is on.
    pub(crate) branch: i64,
    /// What its channels are; `None` where it has no checkpoint.
    pub(crate) channels: Option<Arc<ChannelMap>>,
    /// Whether tasks may have left something at it.
    pub(crate) pending: bool,
    /// Whether it is still to be written.
    pub(crate) changed: bool,
}

/// A run that holds its thread, or did.
#[derive(Debug, Clone)]
pub(crate) struct ActiveRun {
    pub(crate) run: i64,
    pub(crate) id: RunId,
    pub(crate) graph: Arc<str>,
    pub(crate) status: RunStatus,
    pub(crate) fence: i64,
    pub(crate) owner: Uuid,
    /// Whether its process's lease had not run out when it was read.
    pub(crate) alive: bool,
    pub(crate) base: Option<CheckpointId>,
    pub(crate) created_ms: i64,
    pub(crate) ended_ms: Option<i64>,
    pub(crate) error: Option<String>,
    /// What was asked for with it, when its row may not hold that yet.
    pub(crate) asked: Option<run::Asked>,
    /// Whether it is still to be written.
    pub(crate) changed: bool,
}

/// Locks a thread's row, and what of it is read: others wait who write to the thread or delete it, but not who only
/// needs that it stays.
const LOCK: &str = "SELECT thread, mark, fence, seq, change, run, branch, messages, turns, updated_ms \
    FROM our.threads WHERE user_id = $1 AND id = $2 FOR NO KEY UPDATE";

impl ThreadState {
    /// From a row that [`LOCK`] gives, without heads and runs.
    fn from_row(key: &ThreadKey, row: &Row) -> Sql<Self> {
        let place = Place {
            user: key.user.clone(),
            thread: row.at(0)?,
        };
        let mut state = Self::new(place, row.at(9)?);
        state.mark = row.at(1)?;
        state.is_fresh = false;
        state.counters = Counters {
            fence: row.at(2)?,
            seq: row.count(3)?,
            change: row.count(4)?,
            run: row.at(5)?,
            branch: row.at(6)?,
            messages: row.count(7)?,
            turns: row.count(8)?,
        };
        Ok(state)
    }

    /// A thread that was just created.
    pub(crate) fn new(place: Place, now_ms: i64) -> Self {
        Self {
            place,
            mark: 0,
            counters: Counters::default(),
            updated_ms: now_ms,
            active_ms: None,
            active: None,
            ended: Vec::new(),
            waiting: false,
            active_written_ms: 0,
            heads: Vec::new(),
            looked_for: Vec::new(),
            is_fresh: true,
            lists: Vec::new(),
            values: Vec::new(),
            changed: false,
        }
    }

    /// Takes in a run that has not ended, from a row that [`LIVE`] gives; those of `owner` are this process's own.
    fn take_live(&mut self, row: &Row, owner: Uuid) -> Sql<()> {
        if row.at::<i64>(0)? != 0 {
            self.waiting = true;
            return Ok(());
        }
        let holder = row.at::<Option<Uuid>>(5)?.unwrap_or_default();
        self.active = Some(ActiveRun {
            run: row.at(1)?,
            id: row.run(2)?,
            graph: row.text(3)?.into(),
            status: RunStatus::Running,
            fence: row.at::<Option<i64>>(4)?.unwrap_or(0),
            owner: holder,
            base: row.checkpoint_or_none(6)?,
            created_ms: row.at(7)?,
            alive: holder == owner || row.at(8)?,
            ended_ms: None,
            error: None,
            asked: None,
            changed: false,
        });
        Ok(())
    }

    /// Takes in a head, from a row that [`HEADS`] gives.
    fn take_head(&mut self, row: &Row) -> Sql<()> {
        let ns = Namespace::from_text(&row.text(0)?);
        let channels = row.text_or_none(4)?;
        let channels = channels.map(|text| change::parse_map(&text)).transpose()?;
        let head = Head {
            checkpoint: row.checkpoint_or_none(1)?,
            last: row.checkpoint(2)?,
            branch: row.at(3)?,
            channels: channels.map(Arc::new),
            pending: true,
            changed: false,
        };
        self.heads.push((ns, head));
        Ok(())
    }

    /// Whether it is known if a namespace has a head, and which.
    pub(crate) fn knows_head(&self, ns: &Namespace) -> bool {
        self.is_fresh
            || self.looked_for.contains(ns)
            || self.heads.iter().any(|(known, _)| known == ns)
    }

    /// The head of a namespace, where it is known.
    pub(crate) fn known_head(&mut self, ns: &Namespace) -> Option<&mut Head> {
        let known = self.heads.iter_mut().find(|(known, _)| known == ns);
        known.map(|(_, head)| head)
    }

    /// Makes a checkpoint the head of a namespace.
    pub(crate) fn set_head(&mut self, ns: &Namespace, head: Head) {
        match self.known_head(ns) {
            Some(known) => *known = head,
            None => self.heads.push((ns.clone(), head)),
        }
        self.touch();
    }

    /// Says that counters or times changed.
    pub(crate) fn touch(&mut self) {
        self.changed = true;
    }

    /// The heads that are known.
    pub(crate) fn heads_mut(&mut self) -> impl Iterator<Item = &mut Head> {
        self.heads.iter_mut().map(|(_, head)| head)
    }

    /// The list that a change left, where it is remembered.
    pub(crate) fn known_list(&self, n: u64) -> Option<&StoredList> {
        let known = self.lists.iter().find(|(known, _)| *known == n);
        known.map(|(_, list)| list)
    }

    /// Remembers the list that a change left, because the next change will build on it.
    pub(crate) fn keep_list(&mut self, n: u64, list: StoredList) {
        if self.lists.len() >= KEPT_LISTS {
            self.lists.remove(0);
        }
        self.lists.push((n, list));
    }

    /// The plain value that a change left, where it is remembered.
    pub(crate) fn known_value(&self, n: u64) -> Option<&Json> {
        let known = self.values.iter().find(|(known, _)| *known == n);
        known.map(|(_, value)| value)
    }

    /// Remembers a plain value, because the same may come again.
    pub(crate) fn keep_value(&mut self, n: u64, value: Json) {
        if self.values.len() >= KEPT_VALUES {
            self.values.remove(0);
        }
        self.values.push((n, value));
    }

    /// Ends the active run in this way.
    pub(crate) fn end_active(&mut self, status: RunStatus, error: Option<String>, now_ms: i64) {
        if let Some(mut run) = self.active.take() {
            run.status = status;
            run.ended_ms = Some(now_ms);
            run.error = error;
            run.changed = true;
            self.ended.push(run);
        }
    }

    /// What writes all that changed. The thread's row goes last but for the user's, and gets another mark.
    pub(crate) fn flush(&mut self) -> Vec<Statement> {
        let mut writes = Vec::with_capacity(4);
        for run in self.ended.drain(..) {
            writes.push(run::write(&self.place, &run));
        }
        if let Some(run) = self.active.as_mut().filter(|run| run.changed) {
            writes.push(run::write(&self.place, run));
            run.changed = false;
        }
        for (ns, head) in self.heads.iter_mut().filter(|(_, head)| head.changed) {
            writes.push(write_head(&self.place, ns, head));
            head.changed = false;
        }
        if self.changed {
            self.mark = place::new_mark();
            writes.push(self.write_thread());
            self.changed = false;
        }
        if let Some(active_ms) = self.active_ms.take()
            && (active_ms - self.active_written_ms).abs() >= ACTIVITY_STEP_MS
        {
            self.active_written_ms = active_ms;
            let sql = "UPDATE our.users SET active_ms = $2 WHERE user_id = $1 AND active_ms < $2";
            let active = Statement::new(sql);
            writes.push(active.with(self.place.owned_user()).with(active_ms));
        }
        if self.heads.len() > KEPT_HEADS {
            self.heads.retain(|(ns, _)| ns.is_root());
            self.is_fresh = false;
            self.looked_for.clear();
        }
        self.values
            .retain(|(_, value)| value.as_str().len() <= MAX_KEPT_BYTES);
        writes
    }

    fn write_thread(&self) -> Statement {
        let counters = &self.counters;
        Statement::new(
            "UPDATE our.threads SET mark = $3, fence = $4, seq = $5, change = $6, run = $7, branch = $8, messages = $9,
               turns = $10, updated_ms = $11
             WHERE user_id = $1 AND thread = $2",
        )
        .with(self.place.owned_user())
        .with(self.place.thread)
        .with(self.mark)
        .with(counters.fence)
        .with(number(counters.seq))
        .with(number(counters.change))
        .with(counters.run)
        .with(counters.branch)
        .with(number(counters.messages))
        .with(number(counters.turns))
        .with(self.updated_ms)
    }
}

/// Reads the runs of a thread that have not ended: the active one, which comes first, and whether any waits.
const LIVE: &str = "SELECT r.queue, r.run, r.id, r.graph, r.fence, r.owner, r.base, r.created_ms, \
      coalesce(l.until > now(), false) \
    FROM our.threads t \
      JOIN our.runs r ON r.user_id = t.user_id AND r.thread = t.thread AND r.queue IS NOT NULL \
      LEFT JOIN our.leases l ON l.owner = r.owner \
    WHERE t.user_id = $1 AND t.id = $2 ORDER BY r.queue LIMIT 2";

/// Reads the heads of a thread's own graph and of one namespace.
const HEADS: &str = "SELECT h.ns, h.checkpoint, h.last, h.branch, c.channels \
    FROM our.threads t \
      JOIN our.heads h ON h.user_id = t.user_id AND h.thread = t.thread AND h.ns IN ('', $3) \
      LEFT JOIN our.checkpoints c ON c.user_id = h.user_id AND c.thread = h.thread AND c.id = h.checkpoint \
    WHERE t.user_id = $1 AND t.id = $2";

/// Reads one head.
const HEAD: &str = "SELECT h.ns, h.checkpoint, h.last, h.branch, c.channels \
    FROM our.heads h \
      LEFT JOIN our.checkpoints c ON c.user_id = h.user_id AND c.thread = h.thread AND c.id = h.checkpoint \
    WHERE h.user_id = $1 AND h.thread = $2 AND h.ns = $3";

fn write_head(place: &Place, ns: &Namespace, head: &Head) -> Statement {
    Statement::new(
        "INSERT INTO our.heads (user_id, thread, ns, checkpoint, last, branch) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (user_id, thread, ns) DO UPDATE SET checkpoint = excluded.checkpoint, last = excluded.last,
           branch = excluded.branch",
    )
    .with(place.owned_user())
    .with(place.thread)
    .with(Text::owned(ns.as_str()))
    .with(head.checkpoint.map(CheckpointId::uuid))
    .with(head.last.uuid())
    .with(head.branch)
}

/// Locks a thread's row and reads what is not known of it, with the heads of its own graph and of `ns`; `None` when it is
/// not there. `known` is what this process, `owner`, remembers of it.
pub(crate) async fn lock(
    conn: &Conn,
    key: &ThreadKey,
    ns: &Namespace,
    owner: Uuid,
    known: Option<ThreadState>,
) -> Sql<Option<ThreadState>> {
    // A run of another process may have lost its lease since it was read: that has no mark.
    let known = known.filter(|known| {
        let active = known.active.as_ref();
        active.is_none_or(|active| active.owner == owner)
    });
    if let Some(known) = known {
        let answers = conn.send(&[locking(key)]).await?;
        let Some(row) = answers.first().and_then(|answer| answer.rows.first()) else {
            return Ok(None);
        };
        if row.at::<i64>(1)? == known.mark && row.at::<i64>(0)? == known.place.thread {
            return Ok(Some(known));
        }
        let state = ThreadState::from_row(key, row)?;
        let answers = conn.send(&beneath(key, ns)).await?;
        let parts = answers.iter().map(|answer| &*answer.rows);
        return filled(state, parts, ns, owner).map(Some);
    }
    let mut statements = vec![locking(key)];
    statements.extend(beneath(key, ns));
    let answers = conn.send(&statements).await?;
    let mut parts = answers.iter().map(|answer| &*answer.rows);
    match parts.next().and_then(|rows| rows.first()) {
        Some(row) => filled(ThreadState::from_row(key, row)?, parts, ns, owner).map(Some),
        None => Ok(None),
    }
}

/// The head of a namespace that was not read with the lock.
pub(crate) async fn read_head(conn: &Conn, state: &mut ThreadState, ns: &Namespace) -> Sql<()> {
    let row = conn
        .row(
            HEAD,
            &[
                &state.place.user(),
                &state.place.thread,
                &Text::of(ns.as_str()),
            ],
        )
        .await?;
    state.looked_for.push(ns.clone());
    match row {
        Some(row) => state.take_head(&row),
        None => Ok(()),
    }
}

fn locking(key: &ThreadKey) -> Statement {
    named(key, LOCK)
}

/// What reads the runs and the heads of a thread.
fn beneath(key: &ThreadKey, ns: &Namespace) -> [Statement; 2] {
    [
        named(key, LIVE),
        named(key, HEADS).with(Text::owned(ns.as_str())),
    ]
}

fn named(key: &ThreadKey, sql: &'static str) -> Statement {
    Statement::new(sql)
        .with(Text::owned(key.user.as_str()))
        .with(Text::owned(key.thread.as_str()))
}

fn filled<'a>(
    mut state: ThreadState,
    mut parts: impl Iterator<Item = &'a [Row]>,
    ns: &Namespace,
    owner: Uuid,
) -> Sql<ThreadState> {
    for row in parts.next().unwrap_or_default() {
        state.take_live(row, owner)?;
    }
    for row in parts.next().unwrap_or_default() {
        state.take_head(row)?;
    }
    state.looked_for.extend([Namespace::root(), ns.clone()]);
    Ok(state)
}
