//! Writing a thread: what happens to the one that is there, then its rows.

use std::collections::HashMap;
use std::sync::Arc;

use everthread_graph::contract::{Json, RunId, StoreErrorKind, ThreadKey};
use everthread_store::portable::{
    CheckpointRow, Decision, EventRow, MessageRow, Order, Outcome, Part, Row, RunRow, ThreadRow,
    WriteRows, Written,
};
use everthread_store::{RunEvent, RunStatus, time_of};
use rusqlite::Connection;

use super::thread_rows;
use super::{Source, refused};
use crate::error::{Sql, fault};
use crate::owner::Owner;
use crate::sql::commit::Numbers;
use crate::sql::ids::{checkpoint_bytes, element_column};
use crate::sql::place::{self, Place};
use crate::sql::{change, check, delete, event, run};

/// Events that are kept in one row, at most.
const EVENTS_AT_ONCE: usize = 256;

/// What these events hold together, about.
const EVENTS_BYTES: usize = 64 * 1024;

/// What is to happen to a thread that comes.
///
/// # Errors
/// `Busy`, `Held` when it may not take the place of the one that is there.
pub(crate) fn decide(
    tx: &Connection,
    comes: &ThreadRow,
    how: WriteRows,
    owners: &Owner,
) -> Sql<Decision> {
    let key = &comes.key;
    let there = match place::thread(tx, key)? {
        Some(place) => thread_rows::thread(tx, place, key)?,
        None => None,
    };
    let decision = Decision::of(how.on_conflict, there.as_ref(), comes);
    match &decision {
        Decision::Replace => {
            delete::idle_thread(tx, key, owners)?;
            refuse_held(tx, key)?;
        }
        Decision::Copy(id) => {
            let copy = ThreadKey {
                user: key.user.clone(),
                thread: id.clone(),
            };
            if place::thread(tx, &copy)?.is_some() {
                return Ok(Decision::Keep);
            }
        }
        Decision::Create | Decision::Keep => {}
    }
    Ok(decision)
}

fn refuse_held(tx: &Connection, key: &ThreadKey) -> Sql<()> {
    let held: bool = tx
        .prepare_cached("SELECT held FROM users WHERE id = ?1")?
        .query_row([key.user.as_str()], |row| row.get(0))?;
    if held {
        return Err(fault(
            StoreErrorKind::Held,
            format!("{key} cannot be replaced: its user is under hold"),
        ));
    }
    Ok(())
}

/// Writes a thread and everything of it.
pub(crate) fn write(
    tx: &Connection,
    key: &ThreadKey,
    rows: Source<'_>,
    how: WriteRows,
    owners: &Owner,
) -> Sql<Written> {
    let mut order = Order::of(Part::Thread(key.clone()));
    let mut writing: Option<Writing<'_>> = None;
    let mut outcome = Outcome::Kept;
    while let Some(batch) = rows()? {
        for row in batch {
            order.next(&row)?;
            match (&mut writing, row) {
                (Some(writing), row) => writing.row(row).map_err(refused)?,
                (none, Row::Thread(row)) => {
                    let decision = decide(tx, &row, how, owners)?;
                    if decision == Decision::Keep {
                        return Ok(kept());
                    }
                    let begun = Writing::begin(tx, row, &decision, owners).map_err(refused)?;
                    outcome = begun.outcome(&decision);
                    *none = Some(begun);
                }
                // The order begins with the thread.
                (None, _) => {}
            }
        }
    }
    order.end()?;
    let Some(writing) = writing else {
        return Ok(kept());
    };
    let (written, skipped) = writing.finish().map_err(refused)?;
    Ok(Written {
        outcome,
        written,
        skipped,
    })
}

fn kept() -> Written {
    Written {
        outcome: Outcome::Kept,
        written: 0,
        skipped: 0,
    }
}

/// A thread whose rows come.
struct Writing<'a> {
    tx: &'a Connection,
    key: ThreadKey,
    place: Place,
    numbers: Numbers,
    channels: HashMap<(Arc<str>, bool), i64>,
    /// Sessions that named the thread that was there.
    sessions: Vec<String>,
    /// Whether runs that are active or wait stay behind.
    leaves_live: bool,
    events: Vec<EventRow>,
    events_bytes: usize,
    written: u64,
    skipped: u64,
}

impl<'a> Writing<'a> {
    fn begin(
        tx: &'a Connection,
        mut row: ThreadRow,
        decision: &Decision,
        owners: &Owner,
    ) -> Sql<Self> {
        let mut sessions = Vec::new();
        match decision {
            Decision::Replace => {
                let there = delete::idle_thread(tx, &row.key, owners)?;
                row.fence = row.fence.max(fence(tx, there)?);
                sessions = sessions_of(tx, there, &row.key)?;
                delete::thread(tx, &row.key, owners)?;
            }
            Decision::Copy(id) => row.key.thread = id.clone(),
            Decision::Create | Decision::Keep => {}
        }
        let place = place::new_thread(tx, &row.key, row.created_ms)?;
        write_thread(tx, place, &row)?;
        Ok(Self {
            tx,
            key: row.key,
            place,
            numbers: Numbers::default(),
            channels: HashMap::new(),
            sessions,
            leaves_live: matches!(decision, Decision::Copy(_)),
            events: Vec::new(),
            events_bytes: 0,
            written: 1,
            skipped: 0,
        })
    }

    fn outcome(&self, decision: &Decision) -> Outcome {
        match decision {
            Decision::Create => Outcome::Created,
            Decision::Replace => Outcome::Replaced,
            Decision::Copy(_) => Outcome::Copied(self.key.clone()),
            Decision::Keep => Outcome::Kept,
        }
    }

    fn row(&mut self, row: Row) -> Sql<()> {
        let (tx, Place { user, thread }) = (self.tx, self.place);
        match row {
            Row::Branch(row) => {
                tx.prepare_cached(
                    "INSERT INTO branches (user, thread, branch, parent, forked_at, created_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    user,
                    thread,
                    row.branch,
                    row.parent,
                    row.forked_at.map(checkpoint_bytes),
                    row.created_ms,
                ))?;
            }
            Row::Head(row) => {
                tx.prepare_cached(
                    "INSERT INTO heads (user, thread, ns, checkpoint, last, branch) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    user,
                    thread,
                    row.ns.as_str(),
                    row.checkpoint.map(checkpoint_bytes),
                    checkpoint_bytes(row.last),
                    row.branch,
                ))?;
            }
            Row::Run(row) if self.leaves_live && row.is_live() => {
                self.skipped += 1;
                return Ok(());
            }
            Row::Run(row) => write_run(tx, self.place, &row)?,
            Row::Checkpoint(row) => write_checkpoint(tx, self.place, &row)?,
            Row::Change(row) => {
                change::write(tx, self.place, row.change, row.list, row.body.as_str())?;
            }
            Row::Pending(row) => {
                tx.prepare_cached(
                    "INSERT INTO pending_writes (user, thread, checkpoint, task, slot, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    user,
                    thread,
                    checkpoint_bytes(row.checkpoint),
                    row.task.uuid().into_bytes(),
                    row.slot.as_str(),
                    row.body.as_str(),
                ))?;
            }
            Row::Message(row) => self.message(&row)?,
            Row::Event(row) => self.event(row)?,
            // Their order has been looked at: they never come within a thread.
            Row::Record(_) | Row::User(_) | Row::Session(_) | Row::Item(_) | Row::Thread(_) => {}
        }
        self.written += 1;
        Ok(())
    }

    fn message(&mut self, row: &MessageRow) -> Sql<()> {
        let named = (Arc::clone(&row.channel), row.root);
        let channel = match self.channels.get(&named) {
            Some(channel) => *channel,
            None => {
                let channel = self.numbers.channel(self.tx, &row.channel, row.root)?;
                self.channels.insert(named, channel);
                channel
            }
        };
        self.tx
            .prepare_cached(
                "INSERT INTO messages (n, user, thread, seq, channel, branch, run, at_ms, id, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute((
                self.numbers.next_message(self.tx)?,
                self.place.user,
                self.place.thread,
                row.seq,
                channel,
                row.branch,
                row.run,
                row.at_ms,
                element_column(row.id.as_deref()),
                row.body.as_str(),
            ))?;
        Ok(())
    }

    /// Events of one run that were kept at one time share a row.
    fn event(&mut self, row: EventRow) -> Sql<()> {
        let joins = self.events.last().is_none_or(|last| {
            last.run == row.run
                && last.at_ms == row.at_ms
                && self.events.len() < EVENTS_AT_ONCE
                && self.events_bytes < EVENTS_BYTES
        });
        if !joins {
            self.flush_events()?;
        }
        self.events_bytes += row.body.as_str().len();
        self.events.push(row);
        Ok(())
    }

    fn flush_events(&mut self) -> Sql<()> {
        let rows = std::mem::take(&mut self.events);
        self.events_bytes = 0;
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let (run, at_ms): (RunId, i64) = (first.run, first.at_ms);
        let events: Vec<RunEvent> = rows
            .into_iter()
            .map(|row| RunEvent {
                seq: row.seq,
                body: row.body,
            })
            .collect();
        event::keep(self.tx, self.place, run, &events, at_ms)
    }

    /// The thread is as it should be, or nothing of it is written.
    fn finish(mut self) -> Sql<(u64, u64)> {
        self.flush_events()?;
        let report = check::thread(self.tx, self.place)?;
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
        for session in &self.sessions {
            self.tx
                .prepare_cached("UPDATE sessions SET thread = ?3 WHERE user = ?1 AND id = ?2")?
                .execute((self.place.user, session, self.key.thread.as_str()))?;
        }
        Ok((self.written, self.skipped))
    }
}

fn fence(tx: &Connection, place: Place) -> Sql<u64> {
    Ok(tx
        .prepare_cached("SELECT fence FROM threads WHERE user = ?1 AND thread = ?2")?
        .query_row((place.user, place.thread), |row| row.get(0))?)
}

fn sessions_of(tx: &Connection, place: Place, key: &ThreadKey) -> Sql<Vec<String>> {
    let found = tx
        .prepare_cached("SELECT id FROM sessions WHERE user = ?1 AND thread = ?2")?
        .query_map((place.user, key.thread.as_str()), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

fn write_thread(tx: &Connection, place: Place, row: &ThreadRow) -> Sql<()> {
    tx.prepare_cached(
        "UPDATE threads SET title = ?3, pinned = ?4, archived = ?5, metadata = ?6, created_ms = ?7, updated_ms = ?8,
           expires_ms = ?9, fence = ?10, seq = ?11, change = ?12, run = ?13, branch = ?14
         WHERE user = ?1 AND thread = ?2",
    )?
    .execute((
        place.user,
        place.thread,
        row.title.as_deref(),
        row.pinned,
        row.archived,
        row.metadata.as_ref().map(Json::as_str),
        row.created_ms,
        row.updated_ms,
        row.expires_ms,
        row.fence,
        row.seq,
        row.change,
        row.run,
        row.branch,
    ))?;
    tx.prepare_cached(
        "UPDATE threads SET messages = ?3, turns = ?4, pruned = ?5 WHERE user = ?1 AND thread = ?2",
    )?
    .execute((
        place.user,
        place.thread,
        row.messages,
        row.turns,
        row.pruned.map(checkpoint_bytes),
    ))?;
    Ok(())
}

/// Nobody carries out a run that is live: its owner has no name.
fn write_run(tx: &Connection, place: Place, row: &RunRow) -> Sql<()> {
    let queue = match row.status {
        RunStatus::Running => Some(0),
        RunStatus::Pending => Some(row.run),
        _ => None,
    };
    tx.prepare_cached(
        "INSERT INTO runs (user, thread, run, id, graph, status, queue, fence, owner, base, input, created_ms, ended_ms,
           error, policy, starts_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute((
        place.user,
        place.thread,
        row.run,
        row.id.uuid().into_bytes(),
        &row.graph,
        row.status.as_str(),
        queue,
        row.fence,
        queue.map(|_| ""),
        row.base.map(checkpoint_bytes),
        row.input.as_ref().map(Json::as_str),
        row.created_ms,
        row.ended_ms,
        row.error.as_deref(),
        run::policy_column(row.policy),
        row.starts_ms,
    ))?;
    if let Some(details) = &row.details {
        tx.prepare_cached(
            "UPDATE runs SET details = ?4 WHERE user = ?1 AND thread = ?2 AND run = ?3",
        )?
        .execute((place.user, place.thread, row.run, details.as_str()))?;
    }
    Ok(())
}

fn write_checkpoint(tx: &Connection, place: Place, row: &CheckpointRow) -> Sql<()> {
    tx.prepare_cached(
        "INSERT INTO checkpoints (user, thread, id, ns, parent, branch, run, source, step, at_ms, channels, plan, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute((
        place.user,
        place.thread,
        checkpoint_bytes(row.id),
        row.ns.as_str(),
        row.parent.map(checkpoint_bytes),
        row.branch,
        row.run,
        row.source.as_str(),
        row.step,
        (row.at_ms != time_of(row.id)).then_some(row.at_ms),
        change::map_text(&row.channels),
        row.plan.as_str(),
        row.metadata.as_ref().map(Json::as_str),
    ))?;
    Ok(())
}
