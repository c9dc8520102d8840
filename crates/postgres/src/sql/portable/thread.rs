//! Writing a thread: what happens to the one that is there, then its rows, those of a batch in one round trip.

mod statements;

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use everthread_graph::contract::{StoreErrorKind, ThreadKey};
use everthread_store::portable::{
    Decision, EventRow, MessageRow, Outcome, Row, ThreadRow, WriteRows, Written,
};

use super::{refused, rows};
use crate::conn::{Conn, Statement};
use crate::error::{Sql, fault};
use crate::param::{Columns, Text};
use crate::sql::place::{self, Place};
use crate::sql::{channel, check, delete};

/// Events that are kept in one row, at most.
const EVENTS_AT_ONCE: usize = 256;

/// What these events hold together, about.
const EVENTS_BYTES: usize = 64 * 1024;

/// What is to happen to a thread that comes. One that is to be replaced is locked, where the transaction writes.
///
/// # Errors
/// `Busy`, `Held` when it may not take the place of the one that is there.
pub(crate) async fn decide(conn: &Conn, comes: &ThreadRow, how: WriteRows) -> Sql<Decision> {
    let key = &comes.key;
    let there = rows::thread(conn, key).await?;
    let decision = Decision::of(how.on_conflict, there.as_ref(), comes);
    match &decision {
        Decision::Replace => {
            delete::refuse_busy(conn, key).await?;
            refuse_held(conn, key).await?;
        }
        Decision::Copy(id) => {
            let copy = ThreadKey {
                user: key.user.clone(),
                thread: id.clone(),
            };
            if place::thread(conn, &copy).await?.is_some() {
                return Ok(Decision::Keep);
            }
        }
        Decision::Create | Decision::Keep => {}
    }
    Ok(decision)
}

async fn refuse_held(conn: &Conn, key: &ThreadKey) -> Sql<()> {
    let held = conn
        .row(
            "SELECT held FROM our.users WHERE user_id = $1",
            &[&Text::of(key.user.as_str())],
        )
        .await?;
    if held.map_or(Ok(false), |row| row.at(0))? {
        return Err(fault(
            StoreErrorKind::Held,
            format!("{key} cannot be replaced: its user is under hold"),
        ));
    }
    Ok(())
}

/// A thread whose rows come.
pub(crate) struct Writing {
    key: ThreadKey,
    place: Place,
    outcome: Outcome,
    channels: HashMap<(Arc<str>, bool), i64>,
    /// Sessions that named the thread that was there.
    sessions: Vec<String>,
    /// Whether runs that are active or wait stay behind.
    leaves_live: bool,
    events: Vec<EventRow>,
    events_bytes: usize,
    statements: Vec<Statement>,
    written: u64,
    skipped: u64,
}

impl Writing {
    /// Makes room for a thread. `None` when another process created it at this moment.
    pub(crate) async fn begin(
        conn: &Conn,
        mut row: ThreadRow,
        decision: &Decision,
    ) -> Sql<Option<Self>> {
        let mut sessions = Vec::new();
        match decision {
            Decision::Replace => {
                let there = delete::idle_thread(conn, &row.key).await?;
                row.fence = row.fence.max(fence(conn, &there).await?);
                sessions = sessions_of(conn, &row.key).await?;
                delete::rows_of(conn, &there).await?;
            }
            Decision::Copy(id) => row.key.thread = id.clone(),
            Decision::Create | Decision::Keep => {}
        }
        let Some(place) = place::create(conn, &row.key, row.created_ms).await? else {
            return Ok(None);
        };
        let outcome = match decision {
            Decision::Create => Outcome::Created,
            Decision::Replace => Outcome::Replaced,
            Decision::Copy(_) => Outcome::Copied(row.key.clone()),
            Decision::Keep => Outcome::Kept,
        };
        Ok(Some(Self {
            statements: vec![statements::thread(&place, &row)],
            key: row.key,
            place,
            outcome,
            channels: HashMap::new(),
            sessions,
            leaves_live: matches!(decision, Decision::Copy(_)),
            events: Vec::new(),
            events_bytes: 0,
            written: 1,
            skipped: 0,
        }))
    }

    /// Writes some rows of the thread.
    pub(crate) async fn rows(&mut self, conn: &Conn, rows: Vec<Row>) -> Sql<()> {
        for row in rows {
            self.row(conn, row).await?;
        }
        self.send(conn).await
    }

    async fn send(&mut self, conn: &Conn) -> Sql<()> {
        refused(conn.send(&mem::take(&mut self.statements)).await)?;
        Ok(())
    }

    async fn row(&mut self, conn: &Conn, row: Row) -> Sql<()> {
        let place = &self.place;
        let statement = match row {
            Row::Branch(row) => statements::branch(place, &row),
            Row::Head(row) => statements::head(place, &row),
            Row::Run(row) if self.leaves_live && row.is_live() => {
                self.skipped += 1;
                return Ok(());
            }
            Row::Run(row) => statements::run(place, &row),
            Row::Checkpoint(row) => statements::checkpoint(place, &row),
            Row::Change(row) => statements::change(place, &row),
            Row::Pending(row) => statements::pending(place, &row),
            Row::Message(row) => self.message(conn, &row).await?,
            Row::Event(row) => {
                self.event(row);
                self.written += 1;
                return Ok(());
            }
            // Their order has been looked at: they never come within a thread.
            Row::Record(_) | Row::User(_) | Row::Session(_) | Row::Item(_) | Row::Thread(_) => {
                return Ok(());
            }
        };
        self.statements.push(statement);
        self.written += 1;
        Ok(())
    }

    async fn message(&mut self, conn: &Conn, row: &MessageRow) -> Sql<Statement> {
        let named = (Arc::clone(&row.channel), row.root);
        let channel = match self.channels.get(&named) {
            Some(channel) => *channel,
            None => {
                let channel = channel::number(conn, &row.channel, row.root).await?;
                self.channels.insert(named, channel);
                channel
            }
        };
        Ok(statements::message(&self.place, row, channel))
    }

    /// Events of one run that were kept at one time share a row.
    fn event(&mut self, row: EventRow) {
        let joins = self.events.last().is_none_or(|last| {
            last.run == row.run
                && last.at_ms == row.at_ms
                && self.events.len() < EVENTS_AT_ONCE
                && self.events_bytes < EVENTS_BYTES
        });
        if !joins {
            self.flush_events();
        }
        self.events_bytes += row.body.as_str().len();
        self.events.push(row);
    }

    fn flush_events(&mut self) {
        self.events_bytes = 0;
        let events = mem::take(&mut self.events);
        self.statements
            .extend(statements::events(&self.place, events));
    }

    /// The thread is as it should be, or nothing of it is written.
    pub(crate) async fn finish(mut self, conn: &Conn) -> Sql<(ThreadKey, Written)> {
        self.flush_events();
        for session in mem::take(&mut self.sessions) {
            let names = Statement::new(
                "UPDATE our.sessions SET thread = $3 WHERE user_id = $1 AND id = $2",
            );
            self.statements.push(
                names
                    .with(self.place.owned_user())
                    .with(Text::owned(session))
                    .with(Text::owned(self.key.thread.as_str())),
            );
        }
        self.send(conn).await?;
        let report = check::thread(conn, &self.place).await?;
        if let Some(problem) = report.problems.first() {
            let what = problem.what.split(": ").next().unwrap_or_default();
            return Err(fault(
                StoreErrorKind::Invalid,
                format!(
                    "{} contradicts itself ({what}): nothing of it was written",
                    problem.place
                ),
            ));
        }
        let written = Written {
            outcome: self.outcome,
            written: self.written,
            skipped: self.skipped,
        };
        Ok((self.key, written))
    }
}

async fn fence(conn: &Conn, place: &Place) -> Sql<u64> {
    let row = conn
        .row(
            "SELECT fence FROM our.threads WHERE user_id = $1 AND thread = $2",
            &[&place.user(), &place.thread],
        )
        .await?;
    row.map_or(Ok(0), |row| row.count(0))
}

async fn sessions_of(conn: &Conn, key: &ThreadKey) -> Sql<Vec<String>> {
    let found = conn
        .query(
            "SELECT id FROM our.sessions WHERE user_id = $1 AND thread = $2",
            &[&Text::of(key.user.as_str()), &Text::of(key.thread.as_str())],
        )
        .await?;
    found.iter().map(|row| row.text(0)).collect()
}
