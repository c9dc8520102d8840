//! Sessions.

use everthread_graph::contract::{StoreErrorKind, ThreadId, UserId};
use everthread_store::Session;
use rusqlite::{Connection, Row};

use crate::error::{Sql, fault};
use crate::sql::{change, place};

/// Keeps a session as it is now; its user is created when new.
pub(crate) fn put(tx: &Connection, user: &UserId, session: &Session, now_ms: i64) -> Sql<()> {
    if session.id.is_empty() {
        return Err(fault(StoreErrorKind::Invalid, "a session needs an id"));
    }
    let user = place::user_or_new(tx, user, now_ms)?;
    tx.prepare_cached(
        "INSERT INTO sessions (user, id, client, thread, started_ms, last_ms, turns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET client = ?3, thread = ?4, started_ms = ?5, last_ms = ?6, turns = ?7",
    )?
    .execute((
        user,
        &session.id,
        &session.client,
        session.thread.as_ref().map(ThreadId::as_str),
        session.started_ms,
        session.last_ms,
        session.turns,
    ))?;
    Ok(())
}

/// A user's sessions, the one that did something last first.
pub(crate) fn list(tx: &Connection, user: &UserId, limit: usize) -> Sql<Vec<Session>> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(Vec::new());
    };
    let mut statement = tx.prepare_cached(
        "SELECT id, client, thread, started_ms, last_ms, turns FROM sessions
         WHERE user = ?1 ORDER BY last_ms DESC, id LIMIT ?2",
    )?;
    let mut rows = statement.query((user, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        sessions.push(from_row(row)?);
    }
    Ok(sessions)
}

fn from_row(row: &Row<'_>) -> Sql<Session> {
    let thread = row
        .get::<_, Option<String>>(2)?
        .map(ThreadId::new)
        .transpose()
        .map_err(|_| change::damaged("a session names a thread by an id that is none"))?;
    Ok(Session {
        id: row.get(0)?,
        client: row.get(1)?,
        thread,
        started_ms: row.get(3)?,
        last_ms: row.get(4)?,
        turns: row.get(5)?,
    })
}
