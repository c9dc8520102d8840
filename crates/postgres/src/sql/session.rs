//! Sessions.

use everthread_graph::contract::{StoreErrorKind, ThreadId, UserId};
use everthread_store::Session;
use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::{Sql, damaged, fault};
use crate::param::{Columns, Text, number, rows};
use crate::sql::place;

/// Keeps a session as it is now; its user is created when new.
pub(crate) async fn put(conn: &Conn, user: &UserId, session: &Session, now_ms: i64) -> Sql<()> {
    if session.id.is_empty() {
        return Err(fault(StoreErrorKind::Invalid, "a session needs an id"));
    }
    place::ensure_user(conn, user, now_ms).await?;
    conn.execute(
        "INSERT INTO our.sessions (user_id, id, client, thread, started_ms, last_ms, turns)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (user_id, id) DO UPDATE SET client = excluded.client, thread = excluded.thread,
           started_ms = excluded.started_ms, last_ms = excluded.last_ms, turns = excluded.turns",
        &[
            &Text::of(user.as_str()),
            &Text::of(&session.id),
            &Text::of(&session.client),
            &session
                .thread
                .as_ref()
                .map(|thread| Text::of(thread.as_str())),
            &session.started_ms,
            &session.last_ms,
            &number(session.turns),
        ],
    )
    .await?;
    Ok(())
}

/// A user's sessions, the one that did something last first.
pub(crate) async fn list(conn: &Conn, user: &UserId, limit: usize) -> Sql<Vec<Session>> {
    let found = conn
        .query(
            "SELECT id, client, thread, started_ms, last_ms, turns FROM our.sessions
             WHERE user_id = $1 ORDER BY last_ms DESC, id LIMIT $2",
            &[&Text::of(user.as_str()), &rows(limit)],
        )
        .await?;
    found.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Sql<Session> {
    let thread = row
        .text_or_none(2)?
        .map(ThreadId::new)
        .transpose()
        .map_err(|_| damaged("a session names a thread by an id that is none"))?;
    Ok(Session {
        id: row.text(0)?,
        client: row.text(1)?,
        thread,
        started_ms: row.at(3)?,
        last_ms: row.at(4)?,
        turns: row.count(5)?,
    })
}
