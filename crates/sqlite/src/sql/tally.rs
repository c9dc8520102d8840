//! Counts for statistics: derived from messages, in their order, up to a durable mark that never passes the search
//! index's. A turn writes none of them.

use std::collections::{BTreeMap, BTreeSet};

use everthread_store::LARGEST;
use rusqlite::{Connection, OptionalExtension};

use crate::error::Sql;
use crate::sql::commit::CONVERSATION;
use crate::sql::place::Place;
use crate::sql::{erase, index};

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Messages that are counted in one transaction: about a millisecond of work.
const SLICE_MESSAGES: i64 = 500;

/// Threads that are remembered as the largest: more than are told, because some of them will go.
const REMEMBERED: i64 = 10 * LARGEST as i64;

/// One of the totals.
pub(crate) fn total(tx: &Connection, name: &str) -> Sql<i64> {
    let n = tx
        .prepare_cached("SELECT n FROM totals WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(n.unwrap_or(0))
}

pub(crate) fn set_total(tx: &Connection, name: &str, n: i64) -> Sql<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO totals (name, n) VALUES (?1, ?2)")?
        .execute((name, n))?;
    Ok(())
}

/// What some messages add.
#[derive(Default)]
struct Slice {
    rows: i64,
    upto: i64,
    messages: i64,
    /// Messages, and bytes that whole states would have taken besides.
    hours: BTreeMap<i64, (i64, i64)>,
    users: BTreeMap<i64, i64>,
    threads: BTreeSet<(i64, i64)>,
}

/// Counts the next messages; says whether there are more.
pub(crate) fn advance(tx: &Connection, now_ms: i64) -> Sql<bool> {
    let slice = read(tx)?;
    if slice.rows == 0 {
        return Ok(false);
    }
    for (hour, (messages, saved_bytes)) in &slice.hours {
        tx.prepare_cached(
            "INSERT INTO hours (hour, messages, saved_bytes) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET messages = messages + ?2, saved_bytes = saved_bytes + ?3",
        )?
        .execute((hour, messages, saved_bytes))?;
    }
    for (user, messages) in &slice.users {
        count_user(tx, *user, *messages)?;
    }
    note_largest(tx, &slice.threads)?;
    let live_bytes = erase::live_bytes(tx)?;
    tx.prepare_cached(
        "INSERT INTO hours (hour, live_bytes) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET live_bytes = ?2",
    )?
    .execute((now_ms.div_euclid(HOUR_MS), live_bytes))?;
    set_total(tx, "messages", total(tx, "messages")? + slice.messages)?;
    set_total(tx, "upto", slice.upto)?;
    Ok(slice.rows == SLICE_MESSAGES)
}

/// Whether there is something to count.
pub(crate) fn is_behind(tx: &Connection) -> Sql<bool> {
    Ok(tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM messages WHERE n > ?1 AND n <= ?2)")?
        .query_row((total(tx, "upto")?, index::upto(tx)?), |row| row.get(0))?)
}

fn read(tx: &Connection) -> Sql<Slice> {
    let mut slice = Slice::default();
    let mut statement = tx.prepare_cached(
        "SELECT n, user, thread, seq, channel, at_ms, octet_length(body) FROM messages
         WHERE n > ?1 AND n <= ?2 ORDER BY n LIMIT ?3",
    )?;
    let mut rows = statement.query((total(tx, "upto")?, index::upto(tx)?, SLICE_MESSAGES))?;
    while let Some(row) = rows.next()? {
        slice.rows += 1;
        slice.upto = row.get(0)?;
        if row.get::<_, i64>(4)? != CONVERSATION {
            continue;
        }
        let (user, thread, seq): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let (at_ms, bytes): (i64, i64) = (row.get(5)?, row.get(6)?);
        slice.messages += 1;
        let hour = slice.hours.entry(at_ms.div_euclid(HOUR_MS)).or_default();
        hour.0 += 1;
        hour.1 += (seq - 1).max(0).saturating_mul(bytes);
        *slice.users.entry(user).or_default() += 1;
        slice.threads.insert((user, thread));
    }
    Ok(slice)
}

/// Adds messages of a user, who then counts as active in the hour of their last turn.
fn count_user(tx: &Connection, user: i64, messages: i64) -> Sql<()> {
    let hour: i64 = tx
        .prepare_cached("SELECT active_ms FROM users WHERE user = ?1")?
        .query_row([user], |row| Ok(row.get::<_, i64>(0)?.div_euclid(HOUR_MS)))?;
    let before: Option<i64> = tx
        .prepare_cached("SELECT hour FROM usage WHERE user = ?1")?
        .query_row([user], |row| row.get(0))
        .optional()?;
    tx.prepare_cached(
        "INSERT INTO usage (user, hour, messages) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET hour = ?2, messages = messages + ?3",
    )?
    .execute((user, hour, messages))?;
    if before != Some(hour) {
        if let Some(before) = before {
            leave_hour(tx, before)?;
        }
        tx.prepare_cached(
            "INSERT INTO hours (hour, users) VALUES (?1, 1) ON CONFLICT DO UPDATE SET users = users + 1",
        )?
        .execute([hour])?;
    }
    Ok(())
}

fn leave_hour(tx: &Connection, hour: i64) -> Sql<()> {
    tx.prepare_cached("UPDATE hours SET users = users - 1 WHERE hour = ?1")?
        .execute([hour])?;
    Ok(())
}

/// Remembers those of these threads that are among the largest.
fn note_largest(tx: &Connection, threads: &BTreeSet<(i64, i64)>) -> Sql<()> {
    let least: i64 = tx
        .prepare_cached(
            "SELECT coalesce((SELECT messages FROM largest ORDER BY messages DESC LIMIT 1 OFFSET ?1), 0)",
        )?
        .query_row([REMEMBERED - 1], |row| row.get(0))?;
    let mut note = tx.prepare_cached(
        "INSERT OR REPLACE INTO largest (user, thread, messages)
         SELECT user, thread, messages FROM threads WHERE user = ?1 AND thread = ?2 AND messages > ?3",
    )?;
    let mut noted = 0;
    for (user, thread) in threads {
        noted += note.execute((user, thread, least))?;
    }
    if noted > 0 {
        trim_largest(tx)?;
    }
    Ok(())
}

fn trim_largest(tx: &Connection) -> Sql<()> {
    tx.prepare_cached(
        "DELETE FROM largest WHERE (user, thread) IN (
           SELECT user, thread FROM largest ORDER BY messages DESC, user, thread LIMIT -1 OFFSET ?1)",
    )?
    .execute([REMEMBERED])?;
    Ok(())
}

/// Looks for the largest threads among all.
pub(crate) fn find_largest(tx: &Connection) -> Sql<Vec<(i64, i64, i64)>> {
    let mut statement = tx.prepare_cached(
        "SELECT user, thread, messages FROM threads ORDER BY messages DESC, user, thread LIMIT ?1",
    )?;
    let rows = statement.query_map([REMEMBERED], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Remembers these as the largest, as far as they are there.
pub(crate) fn remember_largest(tx: &Connection, found: &[(i64, i64, i64)]) -> Sql<()> {
    for (user, thread, _) in found {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO largest (user, thread, messages)
             SELECT user, thread, messages FROM threads WHERE user = ?1 AND thread = ?2",
        )?
        .execute((user, thread))?;
    }
    trim_largest(tx)
}

/// Takes a thread out that is being deleted, with these of its messages.
pub(crate) fn forget_thread(tx: &Connection, place: Place, numbers: &[i64]) -> Sql<()> {
    let upto = total(tx, "upto")?;
    let counted = numbers.iter().filter(|n| **n <= upto).count();
    let counted = i64::try_from(counted).unwrap_or(i64::MAX);
    forget_messages(tx, counted)?;
    tx.prepare_cached("UPDATE usage SET messages = messages - ?2 WHERE user = ?1")?
        .execute((place.user, counted))?;
    tx.prepare_cached("DELETE FROM largest WHERE user = ?1 AND thread = ?2")?
        .execute((place.user, place.thread))?;
    Ok(())
}

/// Takes a user out who is being erased, with all of their messages.
pub(crate) fn forget_user(tx: &Connection, user: i64) -> Sql<()> {
    let counted: Option<(i64, i64)> = tx
        .prepare_cached("DELETE FROM usage WHERE user = ?1 RETURNING hour, messages")?
        .query_row([user], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((hour, messages)) = counted {
        leave_hour(tx, hour)?;
        forget_messages(tx, messages)?;
    }
    tx.prepare_cached("DELETE FROM largest WHERE user = ?1")?
        .execute([user])?;
    Ok(())
}

fn forget_messages(tx: &Connection, count: i64) -> Sql<()> {
    set_total(tx, "messages", total(tx, "messages")? - count)
}
