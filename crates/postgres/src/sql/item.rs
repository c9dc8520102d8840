//! Long-term memory.

use std::collections::BTreeSet;

use everthread_graph::contract::{Item, ItemQuery, Json, NamespaceQuery, StoreErrorKind, UserId};
use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::{Sql, fault};
use crate::param::{Columns, Text, rows};
use crate::sql::{hold, place};

/// Items that a filter looks at, at once.
const ROWS_AT_ONCE: usize = 256;

/// One item; `None` when it is not there.
pub(crate) async fn get(
    conn: &Conn,
    user: &UserId,
    (namespace, key): (&[String], &str),
    now_ms: i64,
) -> Sql<Option<Item>> {
    let row = conn
        .row(
            "SELECT namespace, key, value, created_ms, updated_ms, expires_ms FROM our.items
             WHERE user_id = $1 AND namespace = $2 AND key = $3 AND (expires_ms IS NULL OR expires_ms > $4)",
            &[
                &Text::of(user.as_str()),
                &Text::owned(namespace.join(".")),
                &Text::of(key),
                &now_ms,
            ],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// What is stored under a key.
pub(crate) struct Stored {
    /// The value; `None` removes the key.
    pub(crate) value: Option<Json>,
    /// When it ends.
    pub(crate) expires_ms: Option<i64>,
}

/// Stores a value under a key, or removes the key.
pub(crate) async fn put(
    conn: &Conn,
    user: &UserId,
    (namespace, key): (&[String], &str),
    stored: &Stored,
    now_ms: i64,
) -> Sql<()> {
    let (user_text, key) = (Text::of(user.as_str()), Text::of(key));
    let namespace = Text::owned(namespace.join("."));
    let Some(value) = &stored.value else {
        hold::refuse(conn, user).await?;
        conn.execute(
            "DELETE FROM our.items WHERE user_id = $1 AND namespace = $2 AND key = $3",
            &[&user_text, &namespace, &key],
        )
        .await?;
        return Ok(());
    };
    place::ensure_user(conn, user, now_ms).await?;
    // One that expired is not there, even before it is deleted.
    conn.execute(
        "INSERT INTO our.items AS i (user_id, namespace, key, value, created_ms, updated_ms, expires_ms, ttl_ms)
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7)
         ON CONFLICT (user_id, namespace, key) DO UPDATE SET value = excluded.value,
           updated_ms = excluded.updated_ms, expires_ms = excluded.expires_ms, ttl_ms = excluded.ttl_ms,
           created_ms = CASE WHEN i.expires_ms <= excluded.updated_ms THEN excluded.created_ms ELSE i.created_ms END",
        &[
            &user_text,
            &namespace,
            &key,
            &Text::json(value),
            &now_ms,
            &stored.expires_ms,
            &stored.expires_ms.map(|end| end.saturating_sub(now_ms)),
        ],
    )
    .await?;
    Ok(())
}

/// Lets an item live as long again as it was given; says whether it is there.
pub(crate) async fn refresh(
    conn: &Conn,
    user: &UserId,
    (namespace, key): (&[String], &str),
    now_ms: i64,
) -> Sql<bool> {
    // An end at the end of time stays there.
    let found = conn
        .execute(
            "UPDATE our.items SET expires_ms = CASE WHEN ttl_ms > 9223372036854775807 - $4 THEN 9223372036854775807
               ELSE $4 + ttl_ms END
             WHERE user_id = $1 AND namespace = $2 AND key = $3 AND (expires_ms IS NULL OR expires_ms > $4)",
            &[
                &Text::of(user.as_str()),
                &Text::owned(namespace.join(".")),
                &Text::of(key),
                &now_ms,
            ],
        )
        .await?;
    Ok(found > 0)
}

/// Deletes the items that expired, of all users who are not under hold.
pub(crate) async fn sweep(conn: &Conn, now_ms: i64) -> Sql<u64> {
    conn.execute(
        "DELETE FROM our.items i WHERE i.expires_ms <= $1
           AND NOT EXISTS (SELECT 1 FROM our.users u WHERE u.user_id = i.user_id AND u.held)",
        &[&now_ms],
    )
    .await
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
pub(crate) async fn search(
    conn: &Conn,
    user: &UserId,
    query: &ItemQuery,
    now_ms: i64,
) -> Sql<Vec<Item>> {
    let Some(filter) = &query.filter else {
        return page(conn, user, query, now_ms, (query.limit, query.offset)).await;
    };
    // A filter looks at each value: what is skipped is counted after it.
    let mut skipped = 0;
    let mut items = Vec::new();
    let mut looked_at = 0;
    while items.len() < query.limit {
        let some = page(conn, user, query, now_ms, (ROWS_AT_ONCE, looked_at)).await?;
        looked_at += some.len();
        let last = some.len() < ROWS_AT_ONCE;
        for item in some.into_iter().filter(|item| filter.matches(&item.value)) {
            if skipped < query.offset {
                skipped += 1;
            } else if items.len() < query.limit {
                items.push(item);
            }
        }
        if last {
            break;
        }
    }
    Ok(items)
}

async fn page(
    conn: &Conn,
    user: &UserId,
    query: &ItemQuery,
    now_ms: i64,
    (limit, offset): (usize, usize),
) -> Sql<Vec<Item>> {
    let prefix = query.prefix.join(".");
    let below = if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix}.")
    };
    let found = conn
        .query(
            "SELECT namespace, key, value, created_ms, updated_ms, expires_ms FROM our.items
             WHERE user_id = $1 AND ($2 = '' OR namespace = $2 OR starts_with(namespace, $3))
               AND (expires_ms IS NULL OR expires_ms > $4)
             ORDER BY updated_ms DESC, namespace, key LIMIT $5 OFFSET $6",
            &[
                &Text::of(user.as_str()),
                &Text::owned(prefix),
                &Text::owned(below),
                &now_ms,
                &rows(limit),
                &rows(offset),
            ],
        )
        .await?;
    found.iter().map(from_row).collect()
}

/// The same, and what was found lives as long again as it was given.
pub(crate) async fn search_and_refresh(
    conn: &Conn,
    user: &UserId,
    query: &ItemQuery,
    now_ms: i64,
) -> Sql<Vec<Item>> {
    let mut items = search(conn, user, query, now_ms).await?;
    for item in &mut items {
        if item.expires_ms.is_some() {
            let name = (&*item.namespace, &*item.key);
            refresh(conn, user, name, now_ms).await?;
            item.expires_ms = get(conn, user, name, now_ms)
                .await?
                .and_then(|item| item.expires_ms);
        }
    }
    Ok(items)
}

/// The namespaces that hold items.
pub(crate) async fn namespaces(
    conn: &Conn,
    user: &UserId,
    query: &NamespaceQuery,
    now_ms: i64,
) -> Sql<Vec<Vec<String>>> {
    let rows = conn
        .query(
            "SELECT DISTINCT namespace FROM our.items
             WHERE user_id = $1 AND (expires_ms IS NULL OR expires_ms > $2)",
            &[&Text::of(user.as_str()), &now_ms],
        )
        .await?;
    let mut found = BTreeSet::new();
    for row in &rows {
        let namespace = row.text(0)?;
        let parts: Vec<&str> = namespace.split('.').collect();
        if query.matches(&parts) {
            let told = query.max_depth.unwrap_or(usize::MAX);
            let parts: Vec<String> = parts.into_iter().take(told).map(str::to_owned).collect();
            found.insert(parts);
        }
    }
    Ok(found
        .into_iter()
        .skip(query.offset)
        .take(query.limit)
        .collect())
}

fn from_row(row: &Row) -> Sql<Item> {
    Ok(Item {
        namespace: row.text(0)?.split('.').map(str::to_owned).collect(),
        key: row.text(1)?,
        value: row.json(2)?,
        created_ms: row.at(3)?,
        updated_ms: row.at(4)?,
        expires_ms: row.at(5)?,
    })
}
