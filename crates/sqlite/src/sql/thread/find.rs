//! Looking for threads by what they are like.

use std::collections::HashSet;

use everthread_graph::contract::{Json, StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::{FindThreads, ThreadPage, ThreadSort, contains};
use rusqlite::Connection;
use serde_json::Value;

use crate::error::{Sql, fault};
use crate::sql::change;
use crate::sql::place::{self, Place};

/// A page of the user's threads that are like this, and how many there are.
pub(crate) fn find(tx: &Connection, user: &UserId, query: &FindThreads) -> Sql<ThreadPage> {
    let wanted = query.metadata.as_ref().map(object).transpose()?;
    let Some(user) = place::user(tx, user)? else {
        return Ok(ThreadPage::default());
    };
    let mut found = candidates(tx, user, query, wanted.as_ref())?;
    if query.status.is_some() || query.sort_by == ThreadSort::Status {
        by_status(tx, query, &mut found)?;
    }
    let mut page = ThreadPage {
        threads: Vec::new(),
        total: found.len() as u64,
    };
    for place in found.into_iter().skip(query.offset).take(query.limit) {
        page.threads.extend(super::at(tx, place)?);
    }
    Ok(page)
}

/// Threads of the whole store whose time is over, the first that ended first.
pub(crate) fn expired(tx: &Connection, now_ms: i64, limit: usize) -> Sql<Vec<ThreadKey>> {
    let mut statement = tx.prepare_cached(
        "SELECT u.id, t.id FROM threads t JOIN users u ON u.user = t.user
         WHERE t.expires_ms <= ?1 AND NOT u.held ORDER BY t.expires_ms LIMIT ?2",
    )?;
    let mut rows = statement.query((now_ms, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(key_from(row.get(0)?, row.get(1)?)?);
    }
    Ok(keys)
}

/// A thread by its names at rest.
pub(crate) fn key_from(user: String, thread: String) -> Sql<ThreadKey> {
    let damaged = |_| change::damaged("a user or a thread has an id that is none");
    Ok(ThreadKey {
        user: UserId::new(user).map_err(damaged)?,
        thread: ThreadId::new(thread).map_err(damaged)?,
    })
}

/// Threads in order, as far as the rows of threads say whether they are meant.
fn candidates(
    tx: &Connection,
    user: i64,
    query: &FindThreads,
    wanted: Option<&Value>,
) -> Sql<Vec<Place>> {
    let ids: HashSet<&str> = query.ids.iter().map(ThreadId::as_str).collect();
    let by = match query.sort_by {
        ThreadSort::Created | ThreadSort::Status => "created_ms",
        ThreadSort::Updated => "updated_ms",
        ThreadSort::Id => "id",
    };
    let to = if query.descending { "DESC" } else { "ASC" };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT thread, id, metadata FROM threads WHERE user = ?1 AND (?2 OR archived = 0)
         ORDER BY {by} {to}, thread {to}"
    ))?;
    let mut rows = statement.query((user, query.archived))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if !ids.is_empty() && !ids.contains(id) {
            continue;
        }
        if let Some(wanted) = wanted {
            let metadata = row
                .get_ref(2)?
                .as_str_or_null()
                .map_err(rusqlite::Error::from)?;
            let metadata: Value = serde_json::from_str(metadata.unwrap_or("{}"))
                .map_err(|_| change::damaged("a thread's metadata cannot be read"))?;
            if !contains(&metadata, wanted) {
                continue;
            }
        }
        let thread = row.get(0)?;
        found.push(Place { user, thread });
    }
    Ok(found)
}

/// Keeps those that stand as is asked for, and orders them by how they stand if that is asked for.
fn by_status(tx: &Connection, query: &FindThreads, found: &mut Vec<Place>) -> Sql<()> {
    let mut with = Vec::with_capacity(found.len());
    for place in found.drain(..) {
        let status = super::status(tx, place)?;
        if query.status.is_none_or(|wanted| wanted == status) {
            with.push((status.as_str(), place));
        }
    }
    if query.sort_by == ThreadSort::Status {
        // Stable: those that are alike stay as they are.
        with.sort_by(|(a, _), (b, _)| if query.descending { b.cmp(a) } else { a.cmp(b) });
    }
    found.extend(with.into_iter().map(|(_, place)| place));
    Ok(())
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
