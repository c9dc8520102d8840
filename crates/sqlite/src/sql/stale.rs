//! Threads that a policy makes superfluous.

use everthread_graph::contract::{StoreErrorKind, ThreadKey};
use everthread_store::{FindStale, Goes, Removed, StalePage, StaleRule, StaleSize, StaleThread};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Sql, fault};
use crate::owner::Owner;
use crate::sql::commit::CONVERSATION;
use crate::sql::place::{self, Place};
use crate::sql::{delete, erase, thread};

/// What a row takes beside its texts: keys, numbers and entries of indexes, in bytes.
const MESSAGE_BYTES: u64 = 40;
const CHECKPOINT_BYTES: u64 = 70;
const CHANGE_BYTES: u64 = 12;
const RUN_BYTES: u64 = 110;
const THREAD_BYTES: u64 = 250;

/// A byte of text in each so many is taken by the search index.
const INDEX_SHARE: u64 = 4;

/// Looks at some threads in the order of their numbers, without those that stay whatever a rule says.
pub(crate) fn find(tx: &Connection, query: &FindStale) -> Sql<StalePage> {
    let (mut user, mut after) = begin(query.from.as_deref())?;
    let mut last_user = i64::MAX;
    if let Some(id) = &query.user {
        let Some(only) = place::user(tx, id)? else {
            return Ok(StalePage::default());
        };
        (user, after) = if user == only {
            (only, after)
        } else {
            (only, 0)
        };
        last_user = only;
    }
    let mut statement = tx.prepare_cached(
        "SELECT t.user, t.thread, u.id, t.id, t.title, t.created_ms, t.updated_ms, t.messages,
           t.pinned OR u.held OR EXISTS (
             SELECT 1 FROM runs r WHERE r.user = t.user AND r.thread = t.thread AND r.queue IS NOT NULL)
         FROM threads t JOIN users u ON u.user = t.user
         WHERE (t.user, t.thread) > (?1, ?2) AND t.user <= ?3 ORDER BY t.user, t.thread LIMIT ?4",
    )?;
    let look_at = i64::try_from(query.look_at.max(1)).unwrap_or(i64::MAX);
    let mut rows = statement.query((user, after, last_user, look_at))?;
    let mut page = StalePage::default();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        looked_at += 1;
        let place = Place {
            user: row.get(0)?,
            thread: row.get(1)?,
        };
        page.next = Some(format!("{}/{}", place.user, place.thread));
        if row.get(8)? {
            continue;
        }
        let (created_ms, updated_ms) = (row.get(5)?, row.get(6)?);
        let Some(goes) = goes(tx, place, &query.rule, created_ms, updated_ms)? else {
            continue;
        };
        page.threads.push(StaleThread {
            key: thread::key_from(row.get(2)?, row.get(3)?)?,
            title: row.get(4)?,
            created_ms,
            updated_ms,
            messages: row.get(7)?,
            goes,
            size: match query.sized {
                true => Some(size(tx, place, goes, &query.rule)?),
                false => None,
            },
        });
    }
    if looked_at < look_at {
        page.next = None;
    }
    Ok(page)
}

/// The place after which a page begins.
fn begin(from: Option<&str>) -> Sql<(i64, i64)> {
    let Some(from) = from else {
        return Ok((i64::MIN, 0));
    };
    from.split_once('/')
        .and_then(|(user, thread)| Some((user.parse().ok()?, thread.parse().ok()?)))
        .ok_or_else(|| {
            fault(
                StoreErrorKind::Invalid,
                format!("no page of stale threads ended at {from:?}"),
            )
        })
}

fn goes(
    tx: &Connection,
    place: Place,
    rule: &StaleRule,
    created_ms: i64,
    updated_ms: i64,
) -> Sql<Option<Goes>> {
    if rule.takes_thread(created_ms, updated_ms) {
        return Ok(Some(Goes::Thread));
    }
    let Some(above) = rule.checkpoints_above else {
        return Ok(None);
    };
    // A thread with few checkpoints in all has few on each line.
    let many = tx
        .prepare_cached(
            "SELECT 1 FROM checkpoints WHERE user = ?1 AND thread = ?2 LIMIT 1 OFFSET ?3",
        )?
        .exists((place.user, place.thread, above.max(1)))?;
    Ok((many && superfluous(tx, place, above)?.0 > 0).then_some(Goes::Checkpoints))
}

/// Checkpoints beyond the newest so many of each line, and all that there are.
fn superfluous(tx: &Connection, place: Place, above: u32) -> Sql<(u64, u64)> {
    // The head of a line stays in any case.
    Ok(tx
        .prepare_cached(
            "SELECT coalesce(sum(max(c - ?3, 0)), 0), coalesce(sum(c), 0) FROM (
               SELECT count(*) AS c FROM checkpoints WHERE user = ?1 AND thread = ?2 GROUP BY ns, branch)",
        )?
        .query_row((place.user, place.thread, above.max(1)), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?)
}

/// Bytes of what lies in tables, about.
fn size(tx: &Connection, place: Place, goes: Goes, rule: &StaleRule) -> Sql<StaleSize> {
    let sum = |sql: &str| -> Sql<(u64, u64)> {
        Ok(tx
            .prepare_cached(sql)?
            .query_row((place.user, place.thread), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?)
    };
    let (checkpoints, texts) = sum(
        "SELECT count(*), coalesce(sum(octet_length(channels) + octet_length(plan) + coalesce(octet_length(metadata), 0)), 0)
         FROM checkpoints WHERE user = ?1 AND thread = ?2",
    )?;
    let steps = checkpoints * CHECKPOINT_BYTES + texts;
    let (changes, texts) = sum(
        "SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM channel_changes WHERE user = ?1 AND thread = ?2",
    )?;
    let steps = steps + changes * CHANGE_BYTES + texts;
    if goes == Goes::Checkpoints {
        let (go, all) = superfluous(tx, place, rule.checkpoints_above.unwrap_or(u32::MAX))?;
        return Ok(StaleSize {
            messages: 0,
            checkpoints: go,
            bytes: steps * go / all.max(1),
        });
    }
    let (rows, texts) = sum(
        "SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM messages WHERE user = ?1 AND thread = ?2",
    )?;
    let said = rows * MESSAGE_BYTES + texts + texts / INDEX_SHARE;
    let (runs, texts) = sum(
        "SELECT count(*), coalesce(sum(coalesce(octet_length(details), 0) + coalesce(octet_length(error), 0)), 0)
         FROM runs WHERE user = ?1 AND thread = ?2",
    )?;
    let runs = runs * RUN_BYTES + texts;
    let (_, events) = sum(
        "SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM run_events WHERE user = ?1 AND thread = ?2",
    )?;
    let messages = tx
        .prepare_cached(
            "SELECT count(*) FROM messages WHERE user = ?1 AND thread = ?2 AND channel = ?3",
        )?
        .query_row((place.user, place.thread, CONVERSATION), |row| row.get(0))?;
    Ok(StaleSize {
        messages,
        checkpoints,
        bytes: steps + said + runs + events + THREAD_BYTES,
    })
}

/// Deletes those that are still stale.
pub(crate) fn delete(
    tx: &Connection,
    keys: &[ThreadKey],
    rule: &StaleRule,
    owners: &Owner,
) -> Sql<Removed> {
    let before = erase::live_bytes(tx)?;
    let mut removed = Removed::default();
    for key in keys {
        if !is_stale(tx, key, rule)? {
            continue;
        }
        let deleted = delete::thread(tx, key, owners)?;
        removed.add(Removed {
            threads: 1,
            messages: deleted.messages,
            checkpoints: deleted.checkpoints,
            runs: deleted.runs,
            bytes: 0,
        });
    }
    removed.bytes = before.saturating_sub(erase::live_bytes(tx)?);
    Ok(removed)
}

fn is_stale(tx: &Connection, key: &ThreadKey, rule: &StaleRule) -> Sql<bool> {
    let Some(place) = place::thread(tx, key)? else {
        return Ok(false);
    };
    let times: Option<(i64, i64)> = tx
        .prepare_cached(
            "SELECT t.created_ms, t.updated_ms FROM threads t JOIN users u ON u.user = t.user
             WHERE t.user = ?1 AND t.thread = ?2 AND NOT t.pinned AND NOT u.held AND NOT EXISTS (
               SELECT 1 FROM runs r WHERE r.user = t.user AND r.thread = t.thread AND r.queue IS NOT NULL)",
        )?
        .query_row((place.user, place.thread), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(times.is_some_and(|(created_ms, updated_ms)| rule.takes_thread(created_ms, updated_ms)))
}
