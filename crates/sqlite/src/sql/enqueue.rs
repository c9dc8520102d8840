//! Putting a run into a thread's queue before anybody begins it.

use everthread_graph::contract::{Multitask, NewRun, RunId, StoreErrorKind, ThreadKey};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Sql, fault};
use crate::owner::Owner;
use crate::sql::ids::run_id;
use crate::sql::place::{self, Place};
use crate::sql::queue::{self, Waiting};

/// Runs that are looked through for one of the same id: a call that is sent again is sent again soon.
const LOOKED_THROUGH: u32 = 128;

/// When a run comes, and how many may be there.
pub(crate) struct Entry {
    /// The time.
    pub(crate) now_ms: i64,
    /// It does not begin before.
    pub(crate) starts_ms: Option<i64>,
    /// Runs that may wait on one thread.
    pub(crate) waiting_runs: usize,
}

/// Adds a run at the end of the queue; how many come first.
pub(crate) fn enqueue(
    tx: &Connection,
    key: &ThreadKey,
    new: &NewRun,
    owners: &Owner,
    entry: &Entry,
) -> Sql<usize> {
    let place = match place::thread(tx, key)? {
        Some(place) => place,
        None => place::new_thread(tx, key, entry.now_ms)?,
    };
    let waiting = queue::list(tx, place)?;
    let active = is_active(tx, place, owners)?;
    let ahead = queue::ahead(&waiting, new.id, owners, entry.now_ms) + usize::from(active);
    if waiting.iter().any(|one| one.id == new.id) {
        return Ok(ahead);
    }
    if is_known(tx, place, new.id)? {
        return Err(fault(
            StoreErrorKind::Exists,
            format!("run {} of {key} began before: take another id", new.id),
        ));
    }
    let alive = |one: &Waiting| owners.is_alive(&one.owner);
    if new.policy == Multitask::Reject && (active || waiting.iter().any(alive)) {
        return Err(fault(
            StoreErrorKind::Busy,
            format!("a run is active on {key} or waits there: wait for its end or stop it"),
        ));
    }
    queue::make_room(&waiting, entry.waiting_runs)?;
    let number = tx
        .prepare_cached(
            "UPDATE threads SET run = run + 1, updated_ms = max(updated_ms, ?3)
             WHERE user = ?1 AND thread = ?2 RETURNING run",
        )?
        .query_row((place.user, place.thread, entry.now_ms), |row| row.get(0))?;
    let held = queue::Held {
        owner: owners.name(),
        now_ms: entry.now_ms,
        starts_ms: entry.starts_ms,
    };
    queue::push(tx, place, number, new, &held)?;
    Ok(ahead)
}

/// Whether a run is active whose process is there.
fn is_active(tx: &Connection, place: Place, owners: &Owner) -> Sql<bool> {
    let owner: Option<Option<String>> = tx
        .prepare_cached(
            "SELECT owner FROM runs WHERE user = ?1 AND thread = ?2 AND queue IS NOT NULL AND queue = 0",
        )?
        .query_row((place.user, place.thread), |row| row.get(0))
        .optional()?;
    Ok(owner.is_some_and(|owner| owners.is_alive(&owner.unwrap_or_default())))
}

fn is_known(tx: &Connection, place: Place, id: RunId) -> Sql<bool> {
    let mut statement = tx.prepare_cached(
        "SELECT id FROM runs WHERE user = ?1 AND thread = ?2 ORDER BY run DESC LIMIT ?3",
    )?;
    let mut rows = statement.query((place.user, place.thread, LOOKED_THROUGH))?;
    while let Some(row) = rows.next()? {
        if run_id(row.get(0)?) == id {
            return Ok(true);
        }
    }
    Ok(false)
}
