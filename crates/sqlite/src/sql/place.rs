//! From names to numbers.

use everthread_graph::contract::{ThreadKey, UserId};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Sql;

/// Where the rows of a thread are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The user's number.
    pub(crate) user: i64,
    /// The thread's number among the user's.
    pub(crate) thread: i64,
}

/// The number of a user; `None` when nothing is known of the user.
pub(crate) fn user(tx: &Connection, id: &UserId) -> Sql<Option<i64>> {
    Ok(tx
        .prepare_cached("SELECT user FROM users WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?)
}

/// The number of a user, who is created when new.
pub(crate) fn user_or_new(tx: &Connection, id: &UserId, now_ms: i64) -> Sql<i64> {
    if let Some(user) = user(tx, id)? {
        return Ok(user);
    }
    Ok(tx
        .prepare_cached(
            "INSERT INTO users (id, created_ms, active_ms) VALUES (?1, ?2, ?2) RETURNING user",
        )?
        .query_row((id.as_str(), now_ms), |row| row.get(0))?)
}

/// Where a thread is; `None` when the user has none of this id.
pub(crate) fn thread(tx: &Connection, key: &ThreadKey) -> Sql<Option<Place>> {
    Ok(tx
        .prepare_cached(
            "SELECT t.user, t.thread FROM users u JOIN threads t ON t.user = u.user AND t.id = ?2
             WHERE u.id = ?1",
        )?
        .query_row((key.user.as_str(), key.thread.as_str()), |row| {
            Ok(Place {
                user: row.get(0)?,
                thread: row.get(1)?,
            })
        })
        .optional()?)
}

/// Creates a thread, and its user when that is new too.
pub(crate) fn new_thread(tx: &Connection, key: &ThreadKey, now_ms: i64) -> Sql<Place> {
    let user = user_or_new(tx, &key.user, now_ms)?;
    let thread = tx
        .prepare_cached("UPDATE users SET threads = threads + 1 WHERE user = ?1 RETURNING threads")?
        .query_row([user], |row| row.get(0))?;
    tx.prepare_cached(
        "INSERT INTO threads (user, thread, id, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?4)",
    )?
    .execute((user, thread, key.thread.as_str(), now_ms))?;
    Ok(Place { user, thread })
}
