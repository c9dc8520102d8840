//! Long-term memory.

use everthread_graph::contract::{Item, ItemQuery, Json, NamespaceQuery, StoreErrorKind, UserId};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{Sql, fault};
use crate::sql::{hold, place};

const COLUMNS: &str = "namespace, key, value, created_ms, updated_ms, expires_ms";

/// Expired items that go with one write of another.
const SWEPT: u32 = 64;

/// One item; `None` when it is not there.
pub(crate) fn get(
    tx: &Connection,
    user: &UserId,
    (namespace, key): (&[String], &str),
    now_ms: i64,
) -> Sql<Option<Item>> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(None);
    };
    Ok(tx
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM items WHERE user = ?1 AND namespace = ?2 AND key = ?3
               AND (expires_ms IS NULL OR expires_ms > ?4)"
        ))?
        .query_row((user, namespace.join("."), key, now_ms), from_row)
        .optional()?)
}

/// What is stored under a key.
pub(crate) struct Stored {
    /// The value; `None` removes the key.
    pub(crate) value: Option<Json>,
    /// When it ends.
    pub(crate) expires_ms: Option<i64>,
}

/// Stores a value under a key, or removes the key; some items that expired go with it.
pub(crate) fn put(
    tx: &Connection,
    user: &UserId,
    (namespace, key): (&[String], &str),
    stored: &Stored,
    now_ms: i64,
) -> Sql<()> {
    sweep(tx, now_ms)?;
    let namespace = namespace.join(".");
    let Some(value) = &stored.value else {
        if let Some(number) = place::user(tx, user)? {
            hold::refuse(tx, number, user)?;
            tx.prepare_cached("DELETE FROM items WHERE user = ?1 AND namespace = ?2 AND key = ?3")?
                .execute((number, namespace, key))?;
        }
        return Ok(());
    };
    let user = place::user_or_new(tx, user, now_ms)?;
    // One that expired is not there, even before it is deleted.
    tx.prepare_cached(
        "INSERT INTO items (user, namespace, key, value, created_ms, updated_ms, expires_ms, ttl_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET value = ?4, updated_ms = ?5, expires_ms = ?6, ttl_ms = ?7,
           created_ms = iif(expires_ms <= ?5, ?5, created_ms)",
    )?
    .execute((
        user,
        namespace,
        key,
        value.as_str(),
        now_ms,
        stored.expires_ms,
        stored.expires_ms.map(|end| end.saturating_sub(now_ms)),
    ))?;
    Ok(())
}

/// Lets an item live as long again as it was given; says whether it is there.
pub(crate) fn refresh(
    tx: &Connection,
    user: &UserId,
    (namespace, key): (&[String], &str),
    now_ms: i64,
) -> Sql<bool> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(false);
    };
    let found = tx
        .prepare_cached(
            "UPDATE items SET expires_ms = ?4 + ttl_ms WHERE user = ?1 AND namespace = ?2 AND key = ?3
               AND (expires_ms IS NULL OR expires_ms > ?4)",
        )?
        .execute((user, namespace.join("."), key, now_ms))?;
    Ok(found > 0)
}

/// Deletes some items that expired, of any user who is not under hold.
fn sweep(tx: &Connection, now_ms: i64) -> Sql<()> {
    tx.prepare_cached(
        "DELETE FROM items WHERE (user, namespace, key) IN
           (SELECT user, namespace, key FROM items
            WHERE expires_ms <= ?1 AND user NOT IN (SELECT user FROM users WHERE held) LIMIT ?2)",
    )?
    .execute((now_ms, SWEPT))?;
    Ok(())
}

/// Refuses a namespace that could not be told from another one.
pub(crate) fn check_namespace(namespace: &[String]) -> Sql<()> {
    let bad = |part: &String| part.is_empty() || part.contains('.');
    if namespace.is_empty() || namespace.iter().any(bad) {
        return Err(fault(
            StoreErrorKind::Invalid,
            format!(
                "{namespace:?} is no namespace: it needs a part, and each part some text without a dot"
            ),
        ));
    }
    Ok(())
}

/// Items below a prefix, most recently changed first.
pub(crate) fn search(
    tx: &Connection,
    user: &UserId,
    query: &ItemQuery,
    now_ms: i64,
) -> Sql<Vec<Item>> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(Vec::new());
    };
    let prefix = query.prefix.join(".");
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM items
         WHERE user = ?1 AND (?2 = '' OR namespace = ?2 OR substr(namespace, 1, length(?2) + 1) = ?2 || '.')
           AND (expires_ms IS NULL OR expires_ms > ?3)
         ORDER BY updated_ms DESC, namespace, key LIMIT ?4 OFFSET ?5"
    ))?;
    // A filter looks at each value: then what is skipped is counted after it.
    let (limit, offset) = match query.filter {
        Some(_) => (i64::MAX, 0),
        None => (
            i64::try_from(query.limit).unwrap_or(i64::MAX),
            i64::try_from(query.offset).unwrap_or(i64::MAX),
        ),
    };
    let mut rows = statement.query((user, prefix, now_ms, limit, offset))?;
    let mut skipped = 0;
    let mut items = Vec::new();
    while items.len() < query.limit
        && let Some(row) = rows.next()?
    {
        let item = from_row(row)?;
        if let Some(filter) = &query.filter {
            if !filter.matches(&item.value) {
                continue;
            }
            if skipped < query.offset {
                skipped += 1;
                continue;
            }
        }
        items.push(item);
    }
    Ok(items)
}

/// The same, and what was found lives as long again as it was given.
pub(crate) fn search_and_refresh(
    tx: &Connection,
    user: &UserId,
    query: &ItemQuery,
    now_ms: i64,
) -> Sql<Vec<Item>> {
    let mut items = search(tx, user, query, now_ms)?;
    for item in &mut items {
        if item.expires_ms.is_some() {
            let name = (&*item.namespace, &*item.key);
            refresh(tx, user, name, now_ms)?;
            item.expires_ms = get(tx, user, name, now_ms)?.and_then(|item| item.expires_ms);
        }
    }
    Ok(items)
}

/// The namespaces that hold items.
pub(crate) fn namespaces(
    tx: &Connection,
    user: &UserId,
    query: &NamespaceQuery,
    now_ms: i64,
) -> Sql<Vec<Vec<String>>> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(Vec::new());
    };
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT namespace FROM items
         WHERE user = ?1 AND (expires_ms IS NULL OR expires_ms > ?2)",
    )?;
    let mut rows = statement.query((user, now_ms))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let namespace = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let parts: Vec<&str> = namespace.split('.').collect();
        if query.matches(&parts) {
            let told = query.max_depth.unwrap_or(usize::MAX);
            let parts: Vec<String> = parts.into_iter().take(told).map(str::to_owned).collect();
            found.push(parts);
        }
    }
    found.sort();
    found.dedup();
    Ok(found
        .into_iter()
        .skip(query.offset)
        .take(query.limit)
        .collect())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Item> {
    let namespace: String = row.get(0)?;
    Ok(Item {
        namespace: namespace.split('.').map(str::to_owned).collect(),
        key: row.get(1)?,
        value: Json::trusted(row.get_ref(2)?.as_str()?),
        created_ms: row.get(3)?,
        updated_ms: row.get(4)?,
        expires_ms: row.get(5)?,
    })
}
