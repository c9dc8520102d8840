//! Taking over the runs of a process that is gone.

use std::collections::HashMap;

use everthread_graph::contract::ThreadKey;
use everthread_store::Claimed;
use rusqlite::{Connection, OptionalExtension};

use crate::error::Sql;
use crate::owner::Owner;
use crate::sql::{place, queue, run, thread};

/// Marks an active run whose owner is gone as orphaned, and takes those that wait for such an owner.
pub(crate) fn claim(tx: &Connection, key: &ThreadKey, owners: &Owner, now_ms: i64) -> Sql<Claimed> {
    let mut claimed = Claimed::default();
    let Some(place) = place::thread(tx, key)? else {
        return Ok(claimed);
    };
    let active: Option<(i64, Option<String>)> = tx
        .prepare_cached(
            "SELECT run, owner FROM runs WHERE user = ?1 AND thread = ?2 AND queue IS NOT NULL AND queue = 0",
        )?
        .query_row((place.user, place.thread), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((run, owner)) = active
        && !owners.is_alive(&owner.unwrap_or_default())
    {
        tx.prepare_cached(
            "UPDATE runs SET status = 'orphaned', queue = NULL, owner = NULL, ended_ms = ?4
             WHERE user = ?1 AND thread = ?2 AND run = ?3",
        )?
        .execute((place.user, place.thread, run, now_ms))?;
        claimed.active = run::numbered(tx, place, run)?;
    }
    let mut taken = Vec::new();
    for waiting in queue::list(tx, place)? {
        if waiting.owner != owners.name() && !owners.is_alive(&waiting.owner) {
            queue::give(tx, place, waiting.run, owners.name())?;
            taken.push(waiting.id);
        }
    }
    claimed.waiting = run::waiting_of(tx, place, owners.name())?;
    claimed.waiting.retain(|run| taken.contains(&run.id));
    Ok(claimed)
}

/// Threads with runs that a process which is gone left active or waiting.
pub(crate) fn left(tx: &Connection, owners: &Owner, limit: usize) -> Sql<Vec<ThreadKey>> {
    let mut statement = tx.prepare_cached(
        "SELECT u.id, t.id, r.owner FROM runs r
           JOIN threads t ON t.user = r.user AND t.thread = r.thread JOIN users u ON u.user = r.user
         WHERE r.queue IS NOT NULL ORDER BY r.user, r.thread",
    )?;
    let mut rows = statement.query([])?;
    let mut alive: HashMap<String, bool> = HashMap::new();
    let mut keys: Vec<ThreadKey> = Vec::new();
    while keys.len() < limit
        && let Some(row) = rows.next()?
    {
        let owner = row.get::<_, Option<String>>(2)?.unwrap_or_default();
        // Looked at once each: the answer is a file's lock.
        let is_alive = *alive
            .entry(owner)
            .or_insert_with_key(|owner| owners.is_alive(owner));
        if is_alive {
            continue;
        }
        let key = thread::key_from(row.get(0)?, row.get(1)?)?;
        if keys.last() != Some(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}
