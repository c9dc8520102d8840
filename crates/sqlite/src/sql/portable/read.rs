//! Reading all rows of a scope, in their order.

use std::sync::Arc;

use everthread_graph::contract::{Json, StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::portable::{ItemRow, Row, Scope, UserRow};
use everthread_store::{Record, Session};
use rusqlite::Connection;

use super::thread_rows;
use crate::error::{Fault, Sql, fault};
use crate::sql::change::damaged;
use crate::sql::place::{self, Place};
use crate::sql::thread;

/// Takes rows as they are read. An error stops the reading.
pub(super) type Out<'a> = &'a mut dyn FnMut(Row) -> Sql<()>;

/// Reads the rows of a scope.
pub(crate) fn read(tx: &Connection, scope: &Scope, out: Out<'_>) -> Sql<()> {
    match scope {
        Scope::Whole => {
            records(tx, out)?;
            users(tx, None, out)
        }
        Scope::User(id) => {
            if place::user(tx, id)?.is_none() {
                return Err(missing(id));
            }
            users(tx, Some(id), out)
        }
        Scope::Thread(key) => {
            let place = place::thread(tx, key)?.ok_or_else(|| thread::missing(key))?;
            thread_rows::read(tx, place, key, out)
        }
    }
}

fn missing(id: &UserId) -> Fault {
    fault(StoreErrorKind::NotFound, format!("user {id} is not there"))
}

fn records(tx: &Connection, out: Out<'_>) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT kind, id, version, body, created_ms, updated_ms FROM records ORDER BY kind, id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        out(Row::Record(Record {
            kind: row.get(0)?,
            id: row.get(1)?,
            version: row.get(2)?,
            body: json(row, 3)?,
            created_ms: row.get(4)?,
            updated_ms: row.get(5)?,
        }))?;
    }
    Ok(())
}

/// One user, or all of them, each with everything of theirs.
fn users(tx: &Connection, only: Option<&UserId>, out: Out<'_>) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT user, id, name, preferences, created_ms, active_ms, held FROM users
         WHERE ?1 IS NULL OR id = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([only.map(UserId::as_str)])?;
    while let Some(row) = rows.next()? {
        let user: i64 = row.get(0)?;
        let id =
            UserId::new(text(row, 1)?).map_err(|_| damaged("a user has an id that is none"))?;
        out(Row::User(UserRow {
            id: id.clone(),
            name: row.get(2)?,
            preferences: json_or_none(row, 3)?,
            created_ms: row.get(4)?,
            active_ms: row.get(5)?,
            held: row.get(6)?,
        }))?;
        sessions(tx, user, out)?;
        items(tx, user, out)?;
        threads(tx, user, &id, out)?;
    }
    Ok(())
}

fn sessions(tx: &Connection, user: i64, out: Out<'_>) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT id, client, thread, started_ms, last_ms, turns FROM sessions WHERE user = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([user])?;
    while let Some(row) = rows.next()? {
        let thread = row
            .get::<_, Option<String>>(2)?
            .map(ThreadId::new)
            .transpose()
            .map_err(|_| damaged("a session names a thread by an id that is none"))?;
        out(Row::Session(Session {
            id: row.get(0)?,
            client: row.get(1)?,
            thread,
            started_ms: row.get(3)?,
            last_ms: row.get(4)?,
            turns: row.get(5)?,
        }))?;
    }
    Ok(())
}

fn items(tx: &Connection, user: i64, out: Out<'_>) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT namespace, key, value, created_ms, updated_ms, expires_ms, ttl_ms FROM items
         WHERE user = ?1 ORDER BY namespace, key",
    )?;
    let mut rows = statement.query([user])?;
    while let Some(row) = rows.next()? {
        out(Row::Item(ItemRow {
            namespace: text(row, 0)?.split('.').map(str::to_owned).collect(),
            key: row.get(1)?,
            value: json(row, 2)?,
            created_ms: row.get(3)?,
            updated_ms: row.get(4)?,
            expires_ms: row.get(5)?,
            ttl_ms: row.get(6)?,
        }))?;
    }
    Ok(())
}

fn threads(tx: &Connection, user: i64, id: &UserId, out: Out<'_>) -> Sql<()> {
    let mut statement =
        tx.prepare_cached("SELECT thread, id FROM threads WHERE user = ?1 ORDER BY id")?;
    let mut rows = statement.query([user])?;
    while let Some(row) = rows.next()? {
        let thread = row.get(0)?;
        let key = ThreadKey {
            user: id.clone(),
            thread: ThreadId::new(text(row, 1)?)
                .map_err(|_| damaged("a thread has an id that is none"))?,
        };
        thread_rows::read(tx, Place { user, thread }, &key, out)?;
    }
    Ok(())
}

/// A text column.
pub(super) fn text<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Sql<&'a str> {
    Ok(row
        .get_ref(column)?
        .as_str()
        .map_err(rusqlite::Error::from)?)
}

/// A text column, shared.
pub(super) fn shared(row: &rusqlite::Row<'_>, column: usize) -> Sql<Arc<str>> {
    text(row, column).map(Arc::from)
}

/// A JSON column.
pub(super) fn json(row: &rusqlite::Row<'_>, column: usize) -> Sql<Json> {
    text(row, column).map(Json::trusted)
}

/// A JSON column that may be empty.
pub(super) fn json_or_none(row: &rusqlite::Row<'_>, column: usize) -> Sql<Option<Json>> {
    let text = row
        .get_ref(column)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    Ok(text.map(Json::trusted))
}
