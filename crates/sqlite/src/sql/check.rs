//! Reading everything and saying what contradicts itself.

mod documents;
mod thread;

use everthread_store::{CheckReport, MAX_LISTED};
use rusqlite::Connection;

use crate::error::Sql;
use crate::sql::commit::CONVERSATION;
use crate::sql::place::Place;
use crate::sql::{index, tally};

pub(crate) use documents::check as documents;
pub(crate) use thread::check as thread;

/// Threads to look at.
pub(crate) fn threads(tx: &Connection) -> Sql<Vec<Place>> {
    let mut statement =
        tx.prepare_cached("SELECT user, thread FROM threads ORDER BY user, thread")?;
    let places = statement
        .query_map([], |row| {
            Ok(Place {
                user: row.get(0)?,
                thread: row.get(1)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(places)
}

/// What the database says of its own pages, tables and indexes.
pub(crate) fn pages(tx: &Connection) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    let mut statement = tx.prepare(&format!("PRAGMA integrity_check({MAX_LISTED})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            report.problem("the file", format!("{said}: restore a verified backup"));
        }
    }
    Ok(report)
}

/// Rows that name a thread or a user that is not there.
pub(crate) fn references(tx: &Connection) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    let mut statement = tx.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        if report.problems.len() < MAX_LISTED {
            let what =
                format!("a row names one of {parent} that is not there: restore a verified backup");
            report.problem(table, what);
        }
    }
    Ok(report)
}

/// Whether what is counted as it comes and goes is what is there.
pub(crate) fn totals(tx: &Connection) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    let upto = tally::total(tx, "upto")?;
    for (name, rows) in [
        ("users", "users".to_owned()),
        ("threads", "threads".to_owned()),
        ("items", "items".to_owned()),
        (
            "messages",
            format!("messages WHERE channel = {CONVERSATION} AND n <= {upto}"),
        ),
    ] {
        let there: i64 = tx.query_row(&format!("SELECT count(*) FROM {rows}"), [], |row| {
            row.get(0)
        })?;
        let counted = tally::total(tx, name)?;
        if counted != there {
            let what = format!(
                "{counted} are counted and {there} are there: only statistics are wrong by it"
            );
            report.problem(format!("the total of {name}"), what);
        }
    }
    let unequal: i64 = tx.query_row(
        "SELECT (SELECT coalesce(sum(messages), 0) FROM usage) - (SELECT n FROM totals WHERE name = 'messages')",
        [],
        |row| row.get(0),
    )?;
    let unplaced: i64 = tx.query_row(
        "SELECT (SELECT coalesce(sum(users), 0) FROM hours) - (SELECT count(*) FROM usage)",
        [],
        |row| row.get(0),
    )?;
    for (by, what) in [(unequal, "messages of users"), (unplaced, "active users")] {
        if by != 0 {
            report.problem(
                what,
                format!("they are {by} too many: only statistics are wrong by it"),
            );
        }
    }
    Ok(report)
}

/// Whether the search index holds exactly the messages up to its mark.
pub(crate) fn search_index(tx: &Connection) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    let upto = index::upto(tx)?;
    let missing: u64 = tx.query_row(
        "SELECT count(*) FROM messages m WHERE m.channel = ?1 AND m.n <= ?2
           AND NOT EXISTS (SELECT 1 FROM search_docsize d WHERE d.id = m.n)",
        (CONVERSATION, upto),
        |row| row.get(0),
    )?;
    let foreign: u64 = tx.query_row(
        "SELECT count(*) FROM search_docsize d
         WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.n = d.id AND m.channel = ?1 AND m.n <= ?2)",
        (CONVERSATION, upto),
        |row| row.get(0),
    )?;
    for (count, what) in [
        (missing, "messages are not in it"),
        (foreign, "entries have no message"),
    ] {
        if count > 0 {
            report.problem("the search index", format!("{count} {what}: build it anew"));
        }
    }
    Ok(report)
}
