//! Long-term memory.

use everthread_graph::contract::{Item, ItemQuery, Json, StoreErrorKind, UserId};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{Sql, fault};
use crate::sql::place;

/// One item; `None` when it is not there.
pub(crate) fn get(
    tx: &Connection,
    user: &UserId,
    namespace: &[String],
    key: &str,
) -> Sql<Option<Item>> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(None);
    };
    Ok(tx
        .prepare_cached(
            "SELECT namespace, key, value, created_ms, updated_ms FROM items
             WHERE user = ?1 AND namespace = ?2 AND key = ?3",
        )?
        .query_row((user, namespace.join("."), key), from_row)
        .optional()?)
}

/// Stores a value under a key, or removes the key.
pub(crate) fn put(
    tx: &Connection,
    user: &UserId,
    namespace: &[String],
    key: &str,
    value: Option<&Json>,
    now_ms: i64,
) -> Sql<()> {
    let namespace = namespace.join(".");
    match value {
        Some(value) => {
            let user = place::user_or_new(tx, user, now_ms)?;
            tx.prepare_cached(
                "INSERT INTO items (user, namespace, key, value, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                 ON CONFLICT DO UPDATE SET value = ?4, updated_ms = ?5",
            )?
            .execute((user, namespace, key, value.as_str(), now_ms))?;
        }
        None => {
            if let Some(user) = place::user(tx, user)? {
                tx.prepare_cached(
                    "DELETE FROM items WHERE user = ?1 AND namespace = ?2 AND key = ?3",
                )?
                .execute((user, namespace, key))?;
            }
        }
    }
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
pub(crate) fn search(tx: &Connection, user: &UserId, query: &ItemQuery) -> Sql<Vec<Item>> {
    let Some(user) = place::user(tx, user)? else {
        return Ok(Vec::new());
    };
    let prefix = query.prefix.join(".");
    let mut statement = tx.prepare_cached(
        "SELECT namespace, key, value, created_ms, updated_ms FROM items
         WHERE user = ?1 AND (?2 = '' OR namespace = ?2 OR substr(namespace, 1, length(?2) + 1) = ?2 || '.')
         ORDER BY updated_ms DESC, namespace, key LIMIT ?3 OFFSET ?4",
    )?;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
    let mut rows = statement.query((user, prefix, limit, offset))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(from_row(row)?);
    }
    Ok(items)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Item> {
    let namespace: String = row.get(0)?;
    Ok(Item {
        namespace: namespace.split('.').map(str::to_owned).collect(),
        key: row.get(1)?,
        value: Json::trusted(row.get_ref(2)?.as_str()?),
        created_ms: row.get(3)?,
        updated_ms: row.get(4)?,
    })
}
