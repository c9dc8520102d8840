//! Threads as people see them.

use everthread_graph::contract::{Json, StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::{ListThreads, NewThread, Thread, ThreadPatch, ThreadStatus, merged};
use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::{Fault, Sql, damaged, fault};
use crate::param::{Columns, Text, rows};
use crate::sql::place::{self, Place};
use crate::sql::run;

mod find;

pub(crate) use find::{expired, find};

const COLUMNS: &str = "t.id, t.title, t.pinned, t.archived, t.metadata, t.created_ms, t.updated_ms, t.messages, t.turns, \
    h.checkpoint, t.branch, t.expires_ms, m.at_ms, r.status, r.error, \
    EXISTS (SELECT 1 FROM our.runs l WHERE l.user_id = t.user_id AND l.thread = t.thread AND l.queue IS NOT NULL)";

/// What is known of thread `t` beside its row: its head, its newest message, and the run that began last. Runs begin
/// nearly in the order of their numbers: one that does not wait its turn comes before those that do, so a few are
/// looked at.
const BESIDE: &str = "LEFT JOIN our.heads h ON h.user_id = t.user_id AND h.thread = t.thread AND h.ns = '' \
    LEFT JOIN LATERAL (SELECT c.at_ms FROM our.messages c WHERE c.user_id = t.user_id AND c.thread = t.thread \
      AND c.channel = 1 ORDER BY c.seq DESC LIMIT 1) m ON true \
    LEFT JOIN LATERAL (SELECT b.status, b.error FROM (SELECT a.status, a.error, a.fence FROM our.runs a \
      WHERE a.user_id = t.user_id AND a.thread = t.thread AND a.fence IS NOT NULL ORDER BY a.run DESC LIMIT 16) b \
      ORDER BY b.fence DESC LIMIT 1) r ON true";

/// One thread; `None` when the user has none of this id.
pub(crate) async fn get(conn: &Conn, key: &ThreadKey) -> Sql<Option<Thread>> {
    let row = conn
        .row(
            format!(
                "SELECT {COLUMNS} FROM our.threads t {BESIDE} WHERE t.user_id = $1 AND t.id = $2"
            ),
            &[&Text::of(key.user.as_str()), &Text::of(key.thread.as_str())],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// Threads by their numbers, in this order.
async fn at(conn: &Conn, user: &UserId, numbers: Vec<i64>) -> Sql<Vec<Thread>> {
    let found = conn
        .query(
            format!(
                "SELECT {COLUMNS} FROM unnest($2) WITH ORDINALITY AS w (thread, n)
                   JOIN our.threads t ON t.user_id = $1 AND t.thread = w.thread {BESIDE} ORDER BY w.n"
            ),
            &[&Text::of(user.as_str()), &numbers],
        )
        .await?;
    found.iter().map(from_row).collect()
}

/// A user's threads: pinned ones first, then by the last change, newest first.
pub(crate) async fn list(conn: &Conn, user: &UserId, query: &ListThreads) -> Sql<Vec<Thread>> {
    let found = conn
        .query(
            format!(
                "SELECT {COLUMNS}
                 FROM (SELECT * FROM our.threads WHERE user_id = $1 AND ($2 OR NOT archived)
                       ORDER BY pinned DESC, updated_ms DESC, thread DESC LIMIT $3 OFFSET $4) t {BESIDE}
                 ORDER BY t.pinned DESC, t.updated_ms DESC, t.thread DESC"
            ),
            &[
                &Text::of(user.as_str()),
                &query.archived,
                &rows(query.limit),
                &rows(query.offset),
            ],
        )
        .await?;
    found.iter().map(from_row).collect()
}

/// Creates a thread on which nothing was said yet.
pub(crate) async fn create(
    conn: &Conn,
    key: &ThreadKey,
    new: &NewThread,
    now_ms: i64,
) -> Sql<Thread> {
    let place = fresh(conn, key, now_ms).await?;
    conn.execute(
        "UPDATE our.threads SET title = $3, metadata = $4, expires_ms = $5 WHERE user_id = $1 AND thread = $2",
        &[
            &place.user(),
            &place.thread,
            &new.title.as_deref().map(Text::of),
            &new.metadata.as_ref().map(Text::json),
            &new.expires_ms,
        ],
    )
    .await?;
    get(conn, key).await?.ok_or_else(|| missing(key))
}

/// The place of a thread that was not there.
pub(crate) async fn fresh(conn: &Conn, key: &ThreadKey, now_ms: i64) -> Sql<Place> {
    place::create(conn, key, now_ms).await?.ok_or_else(|| {
        fault(
            StoreErrorKind::Exists,
            format!("{key} is there already: take another id"),
        )
    })
}

/// Changes what the patch names; the thread as it is then.
pub(crate) async fn update(conn: &Conn, key: &ThreadKey, patch: &ThreadPatch) -> Sql<Thread> {
    let names = (Text::of(key.user.as_str()), Text::of(key.thread.as_str()));
    let row = conn
        .row(
            "SELECT metadata FROM our.threads WHERE user_id = $1 AND id = $2 FOR UPDATE",
            &[&names.0, &names.1],
        )
        .await?
        .ok_or_else(|| missing(key))?;
    let before: Option<Json> = row.json_or_none(0)?;
    let metadata = match (&patch.metadata, &patch.merge_metadata) {
        (metadata, None) => metadata.clone(),
        (Some(metadata), Some(fields)) => Some(merged(Some(metadata), fields)?),
        (None, Some(fields)) => Some(merged(before.as_ref(), fields)?),
    };
    conn.execute(
        "UPDATE our.threads SET title = coalesce($3, title), pinned = coalesce($4, pinned),
           archived = coalesce($5, archived), metadata = coalesce($6, metadata), expires_ms = coalesce($7, expires_ms)
         WHERE user_id = $1 AND id = $2",
        &[
            &names.0,
            &names.1,
            &patch.title.as_deref().map(Text::of),
            &patch.pinned,
            &patch.archived,
            &metadata.as_ref().map(Text::json),
            &patch.expires_ms,
        ],
    )
    .await?;
    get(conn, key).await?.ok_or_else(|| missing(key))
}

/// The error of a thread that is not there.
pub(crate) fn missing(key: &ThreadKey) -> Fault {
    fault(StoreErrorKind::NotFound, format!("{key} is not there"))
}

fn status_from(live: bool, last: Option<&str>) -> Sql<ThreadStatus> {
    if live {
        return Ok(ThreadStatus::Busy);
    }
    Ok(ThreadStatus::after(last.map(run::status_of).transpose()?))
}

fn from_row(row: &Row) -> Sql<Thread> {
    let status = status_from(row.at(15)?, row.text_or_none(13)?.as_deref())?;
    let error = row.text_or_none(14)?;
    Ok(Thread {
        id: ThreadId::new(row.text(0)?).map_err(|_| damaged("a thread has an id that is none"))?,
        title: row.text_or_none(1)?,
        pinned: row.at(2)?,
        archived: row.at(3)?,
        metadata: row.json_or_none(4)?,
        created_ms: row.at(5)?,
        updated_ms: row.at(6)?,
        messages: row.count(7)?,
        turns: row.count(8)?,
        head: row.checkpoint_or_none(9)?,
        branches: row.count(10)?,
        status,
        error: error.filter(|_| status == ThreadStatus::Error),
        last_message_ms: row.at(12)?,
        expires_ms: row.at(11)?,
    })
}
