//! Sizes and counts of a whole store.

use std::collections::BTreeMap;

use everthread_store::{SizeByKind, Stats};
use rusqlite::Connection;

use crate::error::Sql;
use crate::sql::commit::CONVERSATION;
use crate::sql::index;

/// What the database knows of itself; where it lies and its logs are the caller's.
pub(crate) fn stats(tx: &Connection) -> Sql<Stats> {
    let pragma = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let count = |sql: &str| tx.query_row(sql, [], |row| row.get::<_, u64>(0));
    let page = pragma("page_size")?;
    let pages = pragma("page_count")?;
    let free = pragma("freelist_count")?;
    Ok(Stats {
        storage: String::new(),
        engine: format!("SQLite {}", rusqlite::version()),
        file_bytes: pages * page,
        live_bytes: (pages - free) * page,
        users: count("SELECT count(*) FROM users")?,
        threads: count("SELECT count(*) FROM threads")?,
        messages: count(&format!(
            "SELECT count(*) FROM messages WHERE channel = {CONVERSATION}"
        ))?,
        checkpoints: count("SELECT count(*) FROM checkpoints")?,
        runs: count("SELECT count(*) FROM runs")?,
        items: count("SELECT count(*) FROM items")?,
        unindexed: index::behind(tx)?,
        kinds: kinds(tx)?,
    })
}

/// Bytes by table, its indexes with it, largest first. The tables behind the search index count as one.
fn kinds(tx: &Connection) -> Sql<Vec<SizeByKind>> {
    let mut statement = tx.prepare_cached(
        "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize) FROM dbstat d LEFT JOIN sqlite_schema s ON s.name = d.name
         WHERE d.aggregate = TRUE GROUP BY 1",
    )?;
    let mut rows = statement.query([])?;
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        let kind = match table.split_once('_') {
            Some(("search", _)) => "search",
            Some(("sqlite", _)) => "schema",
            _ => table.as_str(),
        };
        *kinds.entry(kind.to_owned()).or_default() += row.get::<_, u64>(1)?;
    }
    let mut kinds: Vec<SizeByKind> = kinds
        .into_iter()
        .map(|(kind, bytes)| SizeByKind { kind, bytes })
        .collect();
    kinds.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.kind.cmp(&b.kind)));
    Ok(kinds)
}
