//! Threads as people see them.

use everthread_graph::contract::{Json, StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::{ListThreads, NewThread, Thread, ThreadPatch, ThreadStatus, merged};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{Sql, fault};
use crate::sql::change;
use crate::sql::commit::CONVERSATION;
use crate::sql::ids::checkpoint_id;
use crate::sql::place::{self, Place};
use crate::sql::run;

mod find;

pub(crate) use find::{expired, find, key_from};

const COLUMNS: &str = "t.id, t.title, t.pinned, t.archived, t.metadata, t.created_ms, t.updated_ms, t.messages, t.turns, \
    h.checkpoint, t.branch, t.expires_ms, m.at_ms, r.status, r.error, \
    EXISTS (SELECT 1 FROM runs l WHERE l.user = t.user AND l.thread = t.thread AND l.queue IS NOT NULL)";

/// The number of the run of thread `t` that began last. Runs begin nearly in the order of their numbers: one that does
/// not wait its turn comes before those that do, so a few are looked at.
const LAST_RUN: &str = "(SELECT b.run FROM (SELECT a.run, a.fence FROM runs a \
    WHERE a.user = t.user AND a.thread = t.thread AND a.fence IS NOT NULL ORDER BY a.run DESC LIMIT 16) b \
    ORDER BY b.fence DESC LIMIT 1)";

/// The newest message of the conversation of thread `t`.
const LAST_MESSAGE: &str = "(SELECT c.seq FROM messages c \
    WHERE c.user = t.user AND c.thread = t.thread AND c.channel = ?3 ORDER BY c.seq DESC LIMIT 1)";

/// One thread; `None` when the user has none of this id.
pub(crate) fn get(tx: &Connection, key: &ThreadKey) -> Sql<Option<Thread>> {
    match place::thread(tx, key)? {
        Some(place) => at(tx, place),
        None => Ok(None),
    }
}

/// One thread by its place.
pub(crate) fn at(tx: &Connection, place: Place) -> Sql<Option<Thread>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM threads t
           LEFT JOIN heads h ON h.user = t.user AND h.thread = t.thread AND h.ns = ''
           LEFT JOIN messages m ON m.user = t.user AND m.thread = t.thread AND m.seq = {LAST_MESSAGE}
           LEFT JOIN runs r ON r.user = t.user AND r.thread = t.thread AND r.run = {LAST_RUN}
         WHERE t.user = ?1 AND t.thread = ?2"
    ))?;
    let mut rows = statement.query((place.user, place.thread, CONVERSATION))?;
    rows.next()?.map(from_row).transpose()
}

/// How a thread stands.
pub(crate) fn status(tx: &Connection, place: Place) -> Sql<ThreadStatus> {
    let (live, last): (bool, Option<String>) = tx
        .prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM runs WHERE user = ?1 AND thread = ?2 AND queue IS NOT NULL), r.status
             FROM threads t LEFT JOIN runs r ON r.user = t.user AND r.thread = t.thread AND r.run = {LAST_RUN}
             WHERE t.user = ?1 AND t.thread = ?2"
        ))?
        .query_row((place.user, place.thread), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    status_from(live, last.as_deref())
}

/// A user's threads: pinned ones first, then by the last change, newest first.
pub(crate) fn list(tx: &Connection, user: &UserId, query: &ListThreads) -> Sql<Vec<Thread>> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(Vec::new());
    };
    let mut statement = tx.prepare_cached(
        "SELECT thread FROM threads WHERE user = ?1 AND (?2 OR archived = 0)
         ORDER BY pinned DESC, updated_ms DESC, thread DESC LIMIT ?3 OFFSET ?4",
    )?;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
    let mut rows = statement.query((user, query.archived, limit, offset))?;
    let mut threads = Vec::new();
    while let Some(row) = rows.next()? {
        let thread = row.get(0)?;
        threads.extend(at(tx, Place { user, thread })?);
    }
    Ok(threads)
}

/// Creates a thread on which nothing was said yet.
pub(crate) fn create(
    tx: &Connection,
    key: &ThreadKey,
    new: &NewThread,
    now_ms: i64,
) -> Sql<Thread> {
    let place = fresh(tx, key, now_ms)?;
    tx.prepare_cached(
        "UPDATE threads SET title = ?3, metadata = ?4, expires_ms = ?5 WHERE user = ?1 AND thread = ?2",
    )?
    .execute((
        place.user,
        place.thread,
        new.title.as_deref(),
        new.metadata.as_ref().map(Json::as_str),
        new.expires_ms,
    ))?;
    at(tx, place)?.ok_or_else(|| missing(key))
}

/// The place of a thread that was not there.
pub(crate) fn fresh(tx: &Connection, key: &ThreadKey, now_ms: i64) -> Sql<Place> {
    if place::thread(tx, key)?.is_some() {
        return Err(fault(
            StoreErrorKind::Exists,
            format!("{key} is there already: take another id"),
        ));
    }
    place::new_thread(tx, key, now_ms)
}

/// Changes what the patch names; the thread as it is then.
pub(crate) fn update(tx: &Connection, key: &ThreadKey, patch: &ThreadPatch) -> Sql<Thread> {
    let place = place::thread(tx, key)?.ok_or_else(|| missing(key))?;
    let metadata = match (&patch.metadata, &patch.merge_metadata) {
        (metadata, None) => metadata.clone(),
        (Some(metadata), Some(fields)) => Some(merged(Some(metadata), fields)?),
        (None, Some(fields)) => Some(merged(metadata(tx, place)?.as_ref(), fields)?),
    };
    tx.prepare_cached(
        "UPDATE threads SET title = coalesce(?3, title), pinned = coalesce(?4, pinned),
           archived = coalesce(?5, archived), metadata = coalesce(?6, metadata), expires_ms = coalesce(?7, expires_ms)
         WHERE user = ?1 AND thread = ?2",
    )?
    .execute((
        place.user,
        place.thread,
        patch.title.as_deref(),
        patch.pinned,
        patch.archived,
        metadata.as_ref().map(Json::as_str),
        patch.expires_ms,
    ))?;
    at(tx, place)?.ok_or_else(|| missing(key))
}

fn metadata(tx: &Connection, place: Place) -> Sql<Option<Json>> {
    let text: Option<Option<String>> = tx
        .prepare_cached("SELECT metadata FROM threads WHERE user = ?1 AND thread = ?2")?
        .query_row((place.user, place.thread), |row| row.get(0))
        .optional()?;
    Ok(text.flatten().as_deref().map(Json::trusted))
}

/// The error of a thread that is not there.
pub(crate) fn missing(key: &ThreadKey) -> crate::error::Fault {
    fault(StoreErrorKind::NotFound, format!("{key} is not there"))
}

fn status_from(live: bool, last: Option<&str>) -> Sql<ThreadStatus> {
    if live {
        return Ok(ThreadStatus::Busy);
    }
    Ok(ThreadStatus::after(last.map(run::status_of).transpose()?))
}

fn from_row(row: &Row<'_>) -> Sql<Thread> {
    let id: String = row.get(0)?;
    let last: Option<String> = row.get(13)?;
    let status = status_from(row.get(15)?, last.as_deref())?;
    let error: Option<String> = row.get(14)?;
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
        status,
        error: error.filter(|_| status == ThreadStatus::Error),
        last_message_ms: row.get(12)?,
        expires_ms: row.get(11)?,
    })
}
