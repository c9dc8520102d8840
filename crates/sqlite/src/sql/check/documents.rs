//! What no thread's check reads: items, sessions, documents of the deployment, what runs told.

use everthread_graph::contract::{Json, ThreadId};
use everthread_store::CheckReport;
use rusqlite::Connection;

use super::{MAX_LISTED, problem};
use crate::error::Sql;
use crate::sql::event;

/// Whether each can be read.
pub(crate) fn check(tx: &Connection) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    items(tx, &mut report)?;
    sessions(tx, &mut report)?;
    records(tx, &mut report)?;
    events(tx, &mut report)?;
    Ok(report)
}

fn items(tx: &Connection, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx.prepare(
        "SELECT u.id, i.namespace, i.key, i.value, (i.expires_ms IS NULL) = (i.ttl_ms IS NULL)
         FROM items i JOIN users u ON u.user = i.user",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let namespace: String = row.get(1)?;
        let named = namespace.split('.').all(|part| !part.is_empty());
        let value = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
        if !named || !row.get::<_, bool>(4)? || Json::parse(value).is_err() {
            let (user, key): (String, String) = (row.get(0)?, row.get(2)?);
            wrong(
                report,
                format!("item {key:?} in {namespace:?} of user {user}"),
            );
        }
    }
    Ok(())
}

fn sessions(tx: &Connection, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx.prepare(
        "SELECT u.id, s.id, s.thread, s.turns FROM sessions s JOIN users u ON u.user = s.user",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (user, id): (String, String) = (row.get(0)?, row.get(1)?);
        let thread: Option<String> = row.get(2)?;
        let named = thread.is_none_or(|thread| ThreadId::new(thread).is_ok());
        if !named || row.get::<_, i64>(3)? < 0 {
            wrong(report, format!("session {id:?} of user {user}"));
        }
    }
    Ok(())
}

fn records(tx: &Connection, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx.prepare("SELECT kind, id, version, body FROM records")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
        if row.get::<_, i64>(2)? < 1 || Json::parse(body).is_err() {
            let (kind, id): (String, String) = (row.get(0)?, row.get(1)?);
            wrong(report, format!("{kind} {id:?}"));
        }
    }
    Ok(())
}

/// A run: its user's number, its thread's, its own id.
type Of = (i64, i64, [u8; 16]);

/// Batches of a run follow one another, and each holds what its row says.
fn events(tx: &Connection, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx.prepare(
        "SELECT user, thread, run, seq, last, count, body FROM run_events ORDER BY user, thread, run, seq",
    )?;
    let mut rows = statement.query([])?;
    // Of which run, and up to which number.
    let mut before: Option<(Of, u64)> = None;
    while let Some(row) = rows.next()? {
        let of: Of = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (first, last, count): (u64, u64, usize) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let body = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?;
        let follows = before.is_none_or(|(other, upto)| other != of || upto < first);
        let whole = event::parse(body).is_some_and(|batch| {
            batch.len() == count
                && batch.first().is_some_and(|event| event.seq == first)
                && batch.last().is_some_and(|event| event.seq == last)
                && batch.is_sorted_by(|a, b| a.seq < b.seq)
                && batch
                    .iter()
                    .all(|event| Json::parse(event.body.as_str()).is_ok())
        });
        if !follows || !whole {
            let run = crate::sql::ids::run_id(of.2);
            wrong(report, format!("events {first} to {last} of run {run}"));
        }
        before = Some((of, last));
    }
    Ok(())
}

fn wrong(report: &mut CheckReport, place: String) {
    if report.problems.len() < MAX_LISTED {
        problem(
            report,
            place,
            "it cannot be read: restore it from a verified backup",
        );
    }
}
