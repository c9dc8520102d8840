//! Looking for threads by what they are like.

use everthread_graph::contract::{Json, StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::{FindThreads, ThreadPage, ThreadSort, contains};
use serde_json::Value;

use crate::conn::Conn;
use crate::error::{Sql, damaged, fault};
use crate::param::{Columns, Text, rows};

/// Threads whose standing is asked for at once.
const AT_ONCE: usize = 500;

/// A page of the user's threads that are like this, and how many there are.
pub(crate) async fn find(conn: &Conn, user: &UserId, query: &FindThreads) -> Sql<ThreadPage> {
    let wanted = query.metadata.as_ref().map(object).transpose()?;
    let mut found = candidates(conn, user, query, wanted.as_ref()).await?;
    if query.status.is_some() || query.sort_by == ThreadSort::Status {
        found = by_status(conn, user, query, found).await?;
    }
    let total = found.len() as u64;
    let page: Vec<i64> = found
        .into_iter()
        .skip(query.offset)
        .take(query.limit)
        .collect();
    let threads = super::at(conn, user, page).await?;
    Ok(ThreadPage { threads, total })
}

/// Threads of the whole store whose time is over, the first that ended first.
pub(crate) async fn expired(conn: &Conn, now_ms: i64, limit: usize) -> Sql<Vec<ThreadKey>> {
    let found = conn
        .query(
            "SELECT t.user_id, t.id FROM our.threads t JOIN our.users u ON u.user_id = t.user_id
             WHERE t.expires_ms <= $1 AND NOT u.held ORDER BY t.expires_ms LIMIT $2",
            &[&now_ms, &rows(limit)],
        )
        .await?;
    found
        .iter()
        .map(|row| {
            let damaged = |_| damaged("a user or a thread has an id that is none");
            Ok(ThreadKey {
                user: UserId::new(row.text(0)?).map_err(damaged)?,
                thread: ThreadId::new(row.text(1)?).map_err(damaged)?,
            })
        })
        .collect()
}

/// Threads in order, as far as the rows of threads say whether they are meant.
async fn candidates(
    conn: &Conn,
    user: &UserId,
    query: &FindThreads,
    wanted: Option<&Value>,
) -> Sql<Vec<i64>> {
    let ids: Vec<Text<'_>> = query.ids.iter().map(|id| Text::of(id.as_str())).collect();
    let by = match query.sort_by {
        ThreadSort::Created | ThreadSort::Status => "created_ms",
        ThreadSort::Updated => "updated_ms",
        ThreadSort::Id => "id",
    };
    let to = if query.descending { "DESC" } else { "ASC" };
    // Metadata are read only where they are looked at.
    let metadata = if wanted.is_some() { "metadata" } else { "NULL" };
    let found = conn
        .query(
            format!(
                "SELECT thread, {metadata}::text FROM our.threads
                 WHERE user_id = $1 AND ($2 OR NOT archived) AND (cardinality($3) = 0 OR id = ANY($3))
                 ORDER BY {by} {to}, thread {to}"
            ),
            &[&Text::of(user.as_str()), &query.archived, &ids],
        )
        .await?;
    let mut numbers = Vec::with_capacity(found.len());
    for row in &found {
        if let Some(wanted) = wanted {
            let metadata = row.text_or_none(1)?;
            let metadata: Value = serde_json::from_str(metadata.as_deref().unwrap_or("{}"))
                .map_err(|_| damaged("a thread's metadata cannot be read"))?;
            if !contains(&metadata, wanted) {
                continue;
            }
        }
        numbers.push(row.at(0)?);
    }
    Ok(numbers)
}

/// Keeps those that stand as is asked for, and orders them by how they stand if that is asked for.
async fn by_status(
    conn: &Conn,
    user: &UserId,
    query: &FindThreads,
    found: Vec<i64>,
) -> Sql<Vec<i64>> {
    let mut with = Vec::with_capacity(found.len());
    for some in found.chunks(AT_ONCE) {
        let threads = super::at(conn, user, some.to_vec()).await?;
        for (thread, number) in threads.iter().zip(some) {
            if query.status.is_none_or(|wanted| wanted == thread.status) {
                with.push((thread.status.as_str(), *number));
            }
        }
    }
    if query.sort_by == ThreadSort::Status {
        // Stable: those that are alike stay as they are.
        with.sort_by(|(a, _), (b, _)| if query.descending { b.cmp(a) } else { a.cmp(b) });
    }
    Ok(with.into_iter().map(|(_, number)| number).collect())
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
