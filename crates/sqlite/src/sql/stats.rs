//! Sizes and counts of a whole store, without reading all of it: counts that are kept, and for large stores estimates
//! from what was last measured.

use std::collections::BTreeMap;

use everthread_graph::contract::UserId;
use everthread_store::{ActiveUsers, LARGEST, LargeThread, LargeUser, SizeByKind, Stats};
use rusqlite::Connection;

use crate::error::Sql;
use crate::sql::commit::CONVERSATION;
use crate::sql::tally::{self, HOUR_MS, total};
use crate::sql::{change, index, thread};

/// Stores up to this size are measured for each answer, which takes some milliseconds.
const SMALL_BYTES: u64 = 16 * 1024 * 1024;

/// Messages above the mark that are counted one by one; of more it is taken that their numbers have no gaps.
const COUNTED: i64 = 20_000;

/// What a look at all tables found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// Bytes by table, its indexes with it; the tables behind the search index count as one.
    bytes: BTreeMap<String, u64>,
    checkpoints: u64,
    runs: u64,
    /// Messages that there were.
    messages: u64,
    at_ms: i64,
    largest: Vec<(i64, i64, i64)>,
}

/// What the database knows of itself; where it lies and its logs are the caller's. With it what was measured for this
/// answer and is worth being kept.
pub(crate) fn stats(tx: &Connection, now_ms: i64) -> Sql<(Stats, Option<Measured>)> {
    let pragma = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let page = pragma("page_size")?;
    let pages = pragma("page_count")?;
    let free = pragma("freelist_count")?;
    let live_bytes = (pages - free) * page;
    let is_small = pages * page <= SMALL_BYTES;
    let messages = messages(tx)?;
    let kept = match is_small {
        true => None,
        false => recall(tx)?,
    };
    let (measured, fresh) = match kept {
        Some(kept) => (kept, None),
        None => {
            let measured = measure(tx, now_ms)?;
            (measured.clone(), (!is_small).then_some(measured))
        }
    };
    let estimated = |then: u64| match is_small {
        true => then,
        false => scaled(then, messages, measured.messages),
    };
    let (messages_day, saved_bytes) = said(tx, now_ms)?;
    let stats = Stats {
        storage: String::new(),
        engine: format!("SQLite {}", rusqlite::version()),
        file_bytes: pages * page,
        live_bytes,
        users: count(total(tx, "users")?),
        active: active(tx, now_ms)?,
        threads: count(total(tx, "threads")?),
        messages,
        messages_day,
        checkpoints: estimated(measured.checkpoints),
        runs: estimated(measured.runs),
        items: count(total(tx, "items")?),
        unindexed: index::behind(tx)?,
        growth_day_bytes: growth(tx, live_bytes, now_ms)?,
        saved_bytes,
        largest_threads: largest_threads(tx)?,
        largest_users: largest_users(tx)?,
        kinds: kinds(&measured, (!is_small).then_some(live_bytes)),
        measured_ms: (!is_small).then_some(measured.at_ms),
    };
    Ok((stats, fresh))
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn scaled(then: u64, now: u64, base: u64) -> u64 {
    if base == 0 {
        return then;
    }
    let scaled = u128::from(then) * u128::from(now) / u128::from(base);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// Messages of conversations: those that were counted, and those that came since.
fn messages(tx: &Connection) -> Sql<u64> {
    let upto = total(tx, "upto")?;
    let last: i64 = tx
        .prepare_cached("SELECT coalesce(max(n), 0) FROM messages")?
        .query_row([], |row| row.get(0))?;
    let since = if last - upto > COUNTED {
        last - upto
    } else {
        tx.prepare_cached("SELECT count(*) FROM messages WHERE n > ?1 AND channel = ?2")?
            .query_row((upto, CONVERSATION), |row| row.get(0))?
    };
    Ok(count(total(tx, "messages")? + since.max(0)))
}

/// Messages of the last day, and bytes that were saved in all.
fn said(tx: &Connection, now_ms: i64) -> Sql<(u64, u64)> {
    let since = now_ms.div_euclid(HOUR_MS) - 24;
    let counted: (i64, i64) = tx
        .prepare_cached(
            "SELECT coalesce(sum(messages) FILTER (WHERE hour > ?1), 0), coalesce(sum(saved_bytes), 0) FROM hours",
        )?
        .query_row([since], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((count(counted.0), count(counted.1)))
}

fn active(tx: &Connection, now_ms: i64) -> Sql<ActiveUsers> {
    let hour = now_ms.div_euclid(HOUR_MS);
    let since = |days: i64| -> Sql<u64> {
        let users = tx
            .prepare_cached("SELECT coalesce(sum(users), 0) FROM hours WHERE hour > ?1")?
            .query_row([hour - days * 24], |row| row.get(0))?;
        Ok(count(users))
    };
    Ok(ActiveUsers {
        day: since(1)?,
        week: since(7)?,
        month: since(30)?,
    })
}

/// Against the newest sample of a day ago or longer, or the oldest of a younger store.
fn growth(tx: &Connection, live_bytes: u64, now_ms: i64) -> Sql<i64> {
    let then: Option<i64> = tx
        .prepare_cached(
            "SELECT coalesce(
               (SELECT live_bytes FROM hours WHERE hour <= ?1 AND live_bytes IS NOT NULL ORDER BY hour DESC LIMIT 1),
               (SELECT live_bytes FROM hours WHERE live_bytes IS NOT NULL ORDER BY hour LIMIT 1))",
        )?
        .query_row([now_ms.div_euclid(HOUR_MS) - 24], |row| row.get(0))?;
    let now = i64::try_from(live_bytes).unwrap_or(i64::MAX);
    Ok(then.map_or(0, |then| now - then))
}

fn largest_threads(tx: &Connection) -> Sql<Vec<LargeThread>> {
    let mut statement = tx.prepare_cached(
        "SELECT u.id, t.id, t.messages FROM largest l
           JOIN threads t ON t.user = l.user AND t.thread = l.thread JOIN users u ON u.user = l.user
         ORDER BY t.messages DESC, l.user, l.thread LIMIT ?1",
    )?;
    let mut rows = statement.query([LARGEST])?;
    let mut largest = Vec::new();
    while let Some(row) = rows.next()? {
        largest.push(LargeThread {
            key: thread::key_from(row.get(0)?, row.get(1)?)?,
            messages: row.get(2)?,
        });
    }
    Ok(largest)
}

fn largest_users(tx: &Connection) -> Sql<Vec<LargeUser>> {
    let mut statement = tx.prepare_cached(
        "SELECT u.id, l.messages FROM (
           SELECT user, messages FROM usage WHERE messages > 0 ORDER BY messages DESC LIMIT ?1) l
         JOIN users u ON u.user = l.user ORDER BY l.messages DESC, l.user",
    )?;
    let mut rows = statement.query([LARGEST])?;
    let mut largest = Vec::new();
    while let Some(row) = rows.next()? {
        let id = UserId::new(row.get::<_, String>(0)?);
        largest.push(LargeUser {
            user: id.map_err(|_| change::damaged("a user has an id that is none"))?,
            messages: row.get(1)?,
        });
    }
    Ok(largest)
}

/// Bytes by kind, largest first; of a store that has grown or shrunk since, each by as much.
fn kinds(measured: &Measured, live_bytes: Option<u64>) -> Vec<SizeByKind> {
    let then: u64 = measured.bytes.values().sum();
    let mut kinds: Vec<SizeByKind> = measured
        .bytes
        .iter()
        .map(|(kind, bytes)| SizeByKind {
            kind: kind.clone(),
            bytes: live_bytes.map_or(*bytes, |now| scaled(*bytes, now, then)),
        })
        .collect();
    kinds.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.kind.cmp(&b.kind)));
    kinds
}

/// Looks at every page.
pub(crate) fn measure(tx: &Connection, now_ms: i64) -> Sql<Measured> {
    let count = |sql: &str| tx.query_row(sql, [], |row| row.get::<_, u64>(0));
    Ok(Measured {
        bytes: bytes_by_kind(tx)?,
        checkpoints: count("SELECT count(*) FROM checkpoints")?,
        runs: count("SELECT count(*) FROM runs")?,
        messages: messages(tx)?,
        at_ms: now_ms,
        largest: tally::find_largest(tx)?,
    })
}

fn bytes_by_kind(tx: &Connection) -> Sql<BTreeMap<String, u64>> {
    let mut statement = tx.prepare_cached(
        "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize) FROM dbstat d LEFT JOIN sqlite_schema s ON s.name = d.name
         WHERE d.aggregate = TRUE GROUP BY 1",
    )?;
    let mut rows = statement.query([])?;
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        let kind = match table.split_once('_') {
            Some(("search", _)) => "search",
            Some(("sqlite", _)) => "schema",
            _ => table.as_str(),
        };
        *kinds.entry(kind.to_owned()).or_default() += row.get::<_, u64>(1)?;
    }
    Ok(kinds)
}

/// Keeps what was measured.
pub(crate) fn keep(tx: &Connection, measured: &Measured) -> Sql<()> {
    tx.execute("DELETE FROM measured", [])?;
    for (kind, bytes) in &measured.bytes {
        let rows = match kind.as_str() {
            "checkpoints" => measured.checkpoints,
            "runs" => measured.runs,
            _ => 0,
        };
        tx.prepare_cached("INSERT INTO measured (kind, rows, bytes) VALUES (?1, ?2, ?3)")?
            .execute((kind, rows, bytes))?;
    }
    tally::set_total(tx, "measured_ms", measured.at_ms)?;
    let messages = i64::try_from(measured.messages).unwrap_or(i64::MAX);
    tally::set_total(tx, "measured_messages", messages)?;
    tally::remember_largest(tx, &measured.largest)
}

/// What was measured before; `None` when nothing was.
fn recall(tx: &Connection) -> Sql<Option<Measured>> {
    let mut measured = Measured {
        messages: count(total(tx, "measured_messages")?),
        at_ms: total(tx, "measured_ms")?,
        ..Measured::default()
    };
    let mut statement = tx.prepare_cached("SELECT kind, rows, bytes FROM measured")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, rows): (String, u64) = (row.get(0)?, row.get(1)?);
        match kind.as_str() {
            "checkpoints" => measured.checkpoints = rows,
            "runs" => measured.runs = rows,
            _ => {}
        }
        measured.bytes.insert(kind, row.get(2)?);
    }
    Ok((!measured.bytes.is_empty()).then_some(measured))
}
