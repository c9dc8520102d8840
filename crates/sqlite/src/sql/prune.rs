//! Deleting old checkpoints, and the changes that nothing reaches any more; never a message.

use std::collections::{BTreeSet, HashMap, HashSet};

use everthread_graph::contract::ThreadKey;
use everthread_store::{Kept, Pruned, StoredList};
use rusqlite::Connection;

use crate::error::Sql;
use crate::owner::Owner;
use crate::sql::change::{self, ChannelMap};
use crate::sql::place::Place;
use crate::sql::{delete, erase};

/// One checkpoint, as far as it matters here.
struct Known {
    id: [u8; 16],
    line: (String, i64),
    channels: ChannelMap,
}

/// Deletes what the rule does not keep.
pub(crate) fn prune(tx: &Connection, key: &ThreadKey, kept: Kept, owners: &Owner) -> Sql<Pruned> {
    let place = delete::idle_thread(tx, key, owners)?;
    let Kept::Newest(count) = kept;
    let held = held(tx, place)?;
    let mut seen: HashMap<(String, i64), u32> = HashMap::new();
    let (stay, go): (Vec<Known>, Vec<Known>) =
        checkpoints(tx, place)?.into_iter().partition(|one| {
            let newer = seen.entry(one.line.clone()).or_default();
            *newer += 1;
            *newer <= count || held.contains(&one.id)
        });
    let Some(last) = go.iter().map(|one| one.id).max() else {
        return Ok(Pruned::default());
    };
    let reached: BTreeSet<u64> = stay
        .iter()
        .flat_map(|one| one.channels.values().copied())
        .collect();
    let before = erase::live_bytes(tx)?;
    stand_alone(tx, place, &reached)?;
    let changes = delete_changes(tx, place, &reached)?;
    for one in &go {
        for table in ["pending_writes WHERE checkpoint", "checkpoints WHERE id"] {
            tx.prepare_cached(&format!(
                "DELETE FROM {table} = ?3 AND user = ?1 AND thread = ?2"
            ))?
            .execute((place.user, place.thread, one.id))?;
        }
    }
    tx.prepare_cached(
        "UPDATE threads SET pruned = max(coalesce(pruned, x''), ?3) WHERE user = ?1 AND thread = ?2",
    )?
    .execute((place.user, place.thread, last))?;
    Ok(Pruned {
        checkpoints: go.len() as u64,
        changes,
        bytes: before.saturating_sub(erase::live_bytes(tx)?),
    })
}

/// Newest first.
fn checkpoints(tx: &Connection, place: Place) -> Sql<Vec<Known>> {
    let mut statement = tx.prepare_cached(
        "SELECT id, ns, branch, channels FROM checkpoints WHERE user = ?1 AND thread = ?2 ORDER BY id DESC",
    )?;
    let mut rows = statement.query((place.user, place.thread))?;
    let mut known = Vec::new();
    while let Some(row) = rows.next()? {
        known.push(Known {
            id: row.get(0)?,
            line: (row.get(1)?, row.get(2)?),
            channels: change::parse_map(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
        });
    }
    Ok(known)
}

/// Heads, and checkpoints where a run waits for an answer: they stay whatever the rule says.
fn held(tx: &Connection, place: Place) -> Sql<HashSet<[u8; 16]>> {
    let mut statement = tx.prepare_cached(
        "SELECT checkpoint FROM heads WHERE user = ?1 AND thread = ?2 AND checkpoint IS NOT NULL
         UNION SELECT checkpoint FROM pending_writes WHERE user = ?1 AND thread = ?2 AND slot = 'interrupt'",
    )?;
    let held = statement
        .query_map((place.user, place.thread), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(held)
}

/// Writes out each list that builds on a change which is about to go.
fn stand_alone(tx: &Connection, place: Place, reached: &BTreeSet<u64>) -> Sql<()> {
    for &n in reached {
        let (list, body) = change::read(tx, place, n)?;
        let builds_on_what_goes =
            list && StoredList::predecessor(&body).is_some_and(|on| !reached.contains(&on));
        if builds_on_what_goes {
            let state = change::read_list(tx, place, n)?.state;
            let (_, full) = StoredList::full((*state).clone());
            tx.prepare_cached(
                "UPDATE channel_changes SET body = ?4 WHERE user = ?1 AND thread = ?2 AND change = ?3",
            )?
            .execute((place.user, place.thread, n, full))?;
        }
    }
    Ok(())
}

fn delete_changes(tx: &Connection, place: Place, reached: &BTreeSet<u64>) -> Sql<u64> {
    let numbers: Vec<u64> = tx
        .prepare_cached("SELECT change FROM channel_changes WHERE user = ?1 AND thread = ?2")?
        .query_map((place.user, place.thread), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut delete = tx.prepare_cached(
        "DELETE FROM channel_changes WHERE user = ?1 AND thread = ?2 AND change = ?3",
    )?;
    let mut deleted = 0;
    for n in numbers.into_iter().filter(|n| !reached.contains(n)) {
        delete.execute((place.user, place.thread, n))?;
        deleted += 1;
    }
    Ok(deleted)
}
