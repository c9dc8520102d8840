//! Deleting a thread with everything of it, or one run that ended.

use everthread_graph::contract::{RunId, StoreErrorKind, ThreadKey};
use everthread_store::{Deleted, RunStatus};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Sql, fault};
use crate::owner::Owner;
use crate::sql::commit::CONVERSATION;
use crate::sql::place::{self, Place};
use crate::sql::{hold, index, run, tally, thread};

/// Deletes a thread: its rows, and its words in the search index.
pub(crate) fn thread(tx: &Connection, key: &ThreadKey, owners: &Owner) -> Sql<Deleted> {
    let place = idle_thread(tx, key, owners)?;
    let counted = counts(tx, place)?;
    forget_words(tx, place)?;
    for table in [
        "pending_writes",
        "run_events",
        "checkpoints",
        "channel_changes",
        "messages",
        "runs",
        "heads",
        "branches",
        "threads",
    ] {
        tx.prepare_cached(&format!(
            "DELETE FROM {table} WHERE user = ?1 AND thread = ?2"
        ))?
        .execute((place.user, place.thread))?;
    }
    tx.prepare_cached("UPDATE sessions SET thread = NULL WHERE user = ?1 AND thread = ?2")?
        .execute((place.user, key.thread.as_str()))?;
    Ok(counted)
}

/// Deletes a run that has ended.
pub(crate) fn run(tx: &Connection, key: &ThreadKey, id: RunId) -> Sql<()> {
    let place = place::thread(tx, key)?.ok_or_else(|| thread::missing(key))?;
    let known = run::known(tx, place, id)?.ok_or_else(|| run::missing(key, id))?;
    hold::refuse(tx, place.user, &key.user)?;
    if matches!(known.status, RunStatus::Running | RunStatus::Pending) {
        return Err(fault(
            StoreErrorKind::Busy,
            format!("run {id} has not ended: stop it first"),
        ));
    }
    if known.status == RunStatus::Success {
        tx.prepare_cached(
            "UPDATE threads SET turns = max(turns - 1, 0) WHERE user = ?1 AND thread = ?2",
        )?
        .execute((place.user, place.thread))?;
    }
    run::delete(tx, place, known.run, id)
}

/// Where a thread is of which something may be removed: no run is active on it, and its user is not under hold.
pub(crate) fn idle_thread(tx: &Connection, key: &ThreadKey, owners: &Owner) -> Sql<Place> {
    let place = place::thread(tx, key)?.ok_or_else(|| thread::missing(key))?;
    hold::refuse(tx, place.user, &key.user)?;
    let active: Option<Option<String>> = tx
        .prepare_cached(
            "SELECT owner FROM runs WHERE user = ?1 AND thread = ?2 AND queue IS NOT NULL AND queue = 0",
        )?
        .query_row((place.user, place.thread), |row| row.get(0))
        .optional()?;
    if active.is_some_and(|owner| owners.is_alive(&owner.unwrap_or_default())) {
        return Err(fault(
            StoreErrorKind::Busy,
            format!("a run is active on {key}: wait for its end or stop it"),
        ));
    }
    Ok(place)
}

fn counts(tx: &Connection, place: Place) -> Sql<Deleted> {
    Ok(tx
        .prepare_cached(
            "SELECT (SELECT count(*) FROM messages WHERE user = ?1 AND thread = ?2 AND channel = ?3),
                    (SELECT count(*) FROM checkpoints WHERE user = ?1 AND thread = ?2),
                    (SELECT count(*) FROM runs WHERE user = ?1 AND thread = ?2)",
        )?
        .query_row((place.user, place.thread, CONVERSATION), |row| {
            Ok(Deleted {
                messages: row.get(0)?,
                checkpoints: row.get(1)?,
                runs: row.get(2)?,
            })
        })?)
}

fn forget_words(tx: &Connection, place: Place) -> Sql<()> {
    let numbers: Vec<i64> = tx
        .prepare_cached(
            "SELECT n FROM messages WHERE user = ?1 AND thread = ?2 AND channel = ?3 AND n <= ?4",
        )?
        .query_map(
            (place.user, place.thread, CONVERSATION, index::upto(tx)?),
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    for n in &numbers {
        index::forget(tx, *n)?;
    }
    tally::forget_thread(tx, place, &numbers)
}
