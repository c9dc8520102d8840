//! Looking for threads by what they are like.

use std::collections::HashSet;

use everthread_graph::contract::{Json, StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::{FindThreads, Thread, ThreadPage, ThreadSort, contains};
use serde_json::Value;

use super::{JOINED, SELECTED, from_row};
use crate::conn::Conn;
use crate::error::{Sql, damaged, fault};
use crate::param::{Columns, Text, rows};

/// A page of the user's threads that are like this, and how many there are.
pub(crate) async fn find(conn: &Conn, user: &UserId, query: &FindThreads) -> Sql<ThreadPage> {
    let wanted = query.metadata.as_ref().map(object).transpose()?;
    let mut found = candidates(conn, user, query, wanted.as_ref()).await?;
    if query.status.is_some() || query.sort_by == ThreadSort::Status {
        let mut threads = read(conn, user, &found).await?;
        if let Some(wanted) = query.status {
            threads.retain(|thread| thread.status == wanted);
        }
        if query.sort_by == ThreadSort::Status {
            // Stable: those that are alike stay as they are.
            threads.sort_by(|a, b| {
                let (a, b) = (a.status.as_str(), b.status.as_str());
                if query.descending { b.cmp(a) } else { a.cmp(b) }
            });
        }
        let total = threads.len() as u64;
        let page = threads.into_iter().skip(query.offset).take(query.limit);
        return Ok(ThreadPage {
            threads: page.collect(),
            total,
        });
    }
    let total = found.len() as u64;
    found = found
        .into_iter()
        .skip(query.offset)
        .take(query.limit)
        .collect();
    Ok(ThreadPage {
        threads: read(conn, user, &found).await?,
        total,
    })
}

/// Threads of the whole store whose time is over, the first that ended first, but for users under hold.
pub(crate) async fn expired(conn: &Conn, now_ms: i64, limit: usize) -> Sql<Vec<ThreadKey>> {
    let found = conn
        .query(
            "SELECT t.user_id, t.id FROM our.threads t
             WHERE t.expires_ms <= $1
               AND NOT EXISTS (SELECT 1 FROM our.users u WHERE u.user_id = t.user_id AND u.held)
             ORDER BY t.expires_ms LIMIT $2",
            &[&now_ms, &rows(limit)],
        )
        .await?;
    found
        .iter()
        .map(|row| key_from(&row.text(0)?, &row.text(1)?))
        .collect()
}

/// A thread by its names at rest.
pub(crate) fn key_from(user: &str, thread: &str) -> Sql<ThreadKey> {
    match (UserId::new(user), ThreadId::new(thread)) {
        (Ok(user), Ok(thread)) => Ok(ThreadKey { user, thread }),
        _ => Err(damaged("a thread or its user has an id that is none")),
    }
}

/// Threads in order, as far as the rows of threads say whether they are meant.
async fn candidates(
    conn: &Conn,
    user: &UserId,
    query: &FindThreads,
    wanted: Option<&Value>,
) -> Sql<Vec<i64>> {
    let ids: HashSet<&str> = query.ids.iter().map(ThreadId::as_str).collect();
    let by = match query.sort_by {
        ThreadSort::Created | ThreadSort::Status => "created_ms",
        ThreadSort::Updated => "updated_ms",
        ThreadSort::Id => "id",
    };
    let to = if query.descending { "DESC" } else { "ASC" };
    let rows = conn
        .query(
            format!(
                "SELECT thread, id, metadata FROM our.threads WHERE user_id = $1 AND ($2 OR NOT archived)
                 ORDER BY {by} {to}, thread {to}"
            ),
            &[&Text::of(user.as_str()), &query.archived],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        if !ids.is_empty() && !ids.contains(&*row.text(1)?) {
            continue;
        }
        if let Some(wanted) = wanted {
            let metadata = row.text_or_none(2)?;
            let metadata: Value = serde_json::from_str(metadata.as_deref().unwrap_or("{}"))
                .map_err(|_| damaged("a thread's metadata cannot be read"))?;
            if !contains(&metadata, wanted) {
                continue;
            }
        }
        found.push(row.at(0)?);
    }
    Ok(found)
}

/// These threads, in this order.
async fn read(conn: &Conn, user: &UserId, threads: &[i64]) -> Sql<Vec<Thread>> {
    let found = conn
        .query(
            format!(
                "{SELECTED} FROM unnest($2) WITH ORDINALITY AS w (thread, n)
                   JOIN our.threads t ON t.user_id = $1 AND t.thread = w.thread {JOINED} ORDER BY w.n"
            ),
            &[&Text::of(user.as_str()), &threads.to_vec()],
        )
        .await?;
    found.iter().map(from_row).collect()
}

fn object(metadata: &Json) -> Sql<Value> {
    match metadata.read() {
        Ok(object @ Value::Object(_)) => Ok(object),
        _ => Err(fault(
            StoreErrorKind::Invalid,
            "metadata are looked for by a JSON object",
        )),
    }
}
