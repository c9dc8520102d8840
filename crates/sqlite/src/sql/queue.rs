//! Runs that wait on a thread: first in, first out, among those whose process is there.

use everthread_graph::contract::{Json, NewRun, RunId, StoreErrorKind};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Sql, fault};
use crate::owner::Owner;
use crate::sql::ids::run_id;
use crate::sql::place::Place;
use crate::sql::run;

/// One run that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Its number in the thread.
    pub(crate) run: i64,
    /// Its id.
    pub(crate) id: RunId,
    /// Whose process holds it.
    pub(crate) owner: String,
    /// When it was asked for.
    pub(crate) created_ms: i64,
    /// It does not begin before.
    pub(crate) starts_ms: Option<i64>,
}

impl Waiting {
    /// Whether its time has come.
    pub(crate) fn is_due(&self, now_ms: i64) -> bool {
        self.starts_ms.is_none_or(|starts_ms| starts_ms <= now_ms)
    }
}

/// What stands at the front of a thread, for a run that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is not in the queue.
    Absent,
    /// Others come first, or its time has not come.
    Later,
    /// It is the first, and no other is active.
    Now,
}

/// Runs that wait, in order.
pub(crate) fn list(tx: &Connection, place: Place) -> Sql<Vec<Waiting>> {
    let mut statement = tx.prepare_cached(
        "SELECT run, id, owner, created_ms, starts_ms FROM runs
         WHERE user = ?1 AND thread = ?2 AND queue IS NOT NULL AND queue > 0 ORDER BY queue",
    )?;
    let mut rows = statement.query((place.user, place.thread))?;
    let mut waiting = Vec::new();
    while let Some(row) = rows.next()? {
        waiting.push(Waiting {
            run: row.get(0)?,
            id: run_id(row.get(1)?),
            owner: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            created_ms: row.get(3)?,
            starts_ms: row.get(4)?,
        });
    }
    Ok(waiting)
}

/// How many of them stand before this one, have a process that will run them, and may begin.
pub(crate) fn ahead(waiting: &[Waiting], id: RunId, owners: &Owner, now_ms: i64) -> usize {
    waiting
        .iter()
        .take_while(|one| one.id != id)
        .filter(|one| one.is_due(now_ms) && owners.is_alive(&one.owner))
        .count()
}

/// Adds a run at the end, under this number.
pub(crate) fn push(
    tx: &Connection,
    place: Place,
    run: i64,
    new: &NewRun,
    held: &Held<'_>,
) -> Sql<()> {
    tx.prepare_cached(
        "INSERT INTO runs (user, thread, run, id, graph, status, queue, owner, input, created_ms, policy, starts_ms, details)
         VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?3, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute((
        place.user,
        place.thread,
        run,
        new.id.uuid().into_bytes(),
        &new.graph,
        held.owner,
        new.input.as_str(),
        held.now_ms,
        run::policy_column(new.policy),
        held.starts_ms,
        new.details.as_ref().map(Json::as_str),
    ))?;
    Ok(())
}

/// Who holds a run that waits, and since when.
pub(crate) struct Held<'a> {
    /// The process.
    pub(crate) owner: &'a str,
    /// The time.
    pub(crate) now_ms: i64,
    /// It does not begin before.
    pub(crate) starts_ms: Option<i64>,
}

/// Hands a waiting run to another owner.
pub(crate) fn give(tx: &Connection, place: Place, run: i64, owner: &str) -> Sql<()> {
    tx.prepare_cached("UPDATE runs SET owner = ?4 WHERE user = ?1 AND thread = ?2 AND run = ?3")?
        .execute((place.user, place.thread, run, owner))?;
    Ok(())
}

/// Takes a run out of the queue; nothing happens when it is not there.
pub(crate) fn withdraw(tx: &Connection, place: Place, id: RunId, now_ms: i64) -> Sql<()> {
    let Some(waiting) = list(tx, place)?.into_iter().find(|one| one.id == id) else {
        return Ok(());
    };
    tx.prepare_cached(
        "UPDATE runs SET status = 'cancelled', queue = NULL, owner = NULL, input = NULL, ended_ms = ?4
         WHERE user = ?1 AND thread = ?2 AND run = ?3",
    )?
    .execute((place.user, place.thread, waiting.run, now_ms))?;
    Ok(())
}

/// Whether a run that waits may go.
pub(crate) fn turn(
    tx: &Connection,
    place: Place,
    id: RunId,
    owners: &Owner,
    now_ms: i64,
) -> Sql<Turn> {
    let waiting = list(tx, place)?;
    match waiting.iter().find(|one| one.id == id) {
        None => return Ok(Turn::Absent),
        Some(own) if !own.is_due(now_ms) => return Ok(Turn::Later),
        Some(_) => {}
    }
    let active: Option<Option<String>> = tx
        .prepare_cached(
            "SELECT owner FROM runs WHERE user = ?1 AND thread = ?2 AND queue IS NOT NULL AND queue = 0",
        )?
        .query_row((place.user, place.thread), |row| row.get(0))
        .optional()?;
    let held = active.is_some_and(|owner| owners.is_alive(&owner.unwrap_or_default()));
    if held || ahead(&waiting, id, owners, now_ms) > 0 {
        return Ok(Turn::Later);
    }
    Ok(Turn::Now)
}

/// Refuses one more run when too many wait.
pub(crate) fn make_room(waiting: &[Waiting], limit: usize) -> Sql<()> {
    if waiting.len() < limit {
        return Ok(());
    }
    Err(fault(
        StoreErrorKind::QueueFull,
        format!(
            "{} runs wait on this thread already: try again when some have ended",
            waiting.len()
        ),
    ))
}
