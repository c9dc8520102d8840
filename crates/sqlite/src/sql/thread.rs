//! Threads as people see them.

use everthread_graph::contract::{Json, StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::{ListThreads, Thread, ThreadPatch};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{Sql, fault};
use crate::sql::change;
use crate::sql::ids::checkpoint_id;
use crate::sql::place;

const COLUMNS: &str = "t.id, t.title, t.pinned, t.archived, t.metadata, t.created_ms, t.updated_ms, t.messages, t.turns, \
    h.checkpoint, t.branch";

const TABLES: &str =
    "threads t LEFT JOIN heads h ON h.user = t.user AND h.thread = t.thread AND h.ns = ''";

/// One thread; `None` when the user has none of this id.
pub(crate) fn get(tx: &Connection, key: &ThreadKey) -> Sql<Option<Thread>> {
    let Some(place) = place::thread(tx, key)? else {
        return Ok(None);
    };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE t.user = ?1 AND t.thread = ?2"
    ))?;
    let mut rows = statement.query((place.user, place.thread))?;
    rows.next()?.map(from_row).transpose()
}

/// A user's threads: pinned ones first, then by the last change, newest first.
pub(crate) fn list(tx: &Connection, user: &UserId, query: &ListThreads) -> Sql<Vec<Thread>> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(Vec::new());
    };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE t.user = ?1 AND (?2 OR t.archived = 0)
         ORDER BY t.pinned DESC, t.updated_ms DESC, t.thread DESC LIMIT ?3 OFFSET ?4"
    ))?;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
    let mut rows = statement.query((user, query.archived, limit, offset))?;
    let mut threads = Vec::new();
    while let Some(row) = rows.next()? {
        threads.push(from_row(row)?);
    }
    Ok(threads)
}

/// Changes what the patch names; the thread as it is then.
pub(crate) fn update(tx: &Connection, key: &ThreadKey, patch: &ThreadPatch) -> Sql<Thread> {
    let found = tx
        .prepare_cached(
            "UPDATE threads SET title = coalesce(?3, title), pinned = coalesce(?4, pinned),
               archived = coalesce(?5, archived), metadata = coalesce(?6, metadata)
             WHERE user = (SELECT user FROM users WHERE id = ?1) AND id = ?2 RETURNING thread",
        )?
        .query_row(
            (
                key.user.as_str(),
                key.thread.as_str(),
                patch.title.as_deref(),
                patch.pinned,
                patch.archived,
                patch.metadata.as_ref().map(Json::as_str),
            ),
            |row| row.get::<_, i64>(0),
        )
        .optional()?;
    let missing = || fault(StoreErrorKind::NotFound, format!("{key} is not there"));
    found.ok_or_else(missing)?;
    get(tx, key)?.ok_or_else(missing)
}

fn from_row(row: &Row<'_>) -> Sql<Thread> {
    let id: String = row.get(0)?;
    Ok(Thread {
        id: ThreadId::new(id).map_err(|_| change::damaged("a thread has an id that is none"))?,
        title: row.get(1)?,
        pinned: row.get(2)?,
        archived: row.get(3)?,
        metadata: row
            .get::<_, Option<String>>(4)?
            .as_deref()
            .map(Json::trusted),
        created_ms: row.get(5)?,
        updated_ms: row.get(6)?,
        messages: row.get(7)?,
        turns: row.get(8)?,
        head: row.get::<_, Option<[u8; 16]>>(9)?.map(checkpoint_id),
        branches: row.get(10)?,
    })
}
