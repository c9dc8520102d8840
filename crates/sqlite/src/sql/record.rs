//! Documents of the whole deployment.

use everthread_graph::contract::{Json, StoreErrorKind};
use everthread_store::{ListRecords, Record};
use rusqlite::{Connection, Row};

use crate::error::{Sql, fault};
use crate::sql::change;

const COLUMNS: &str = "kind, id, version, body, created_ms, updated_ms";

/// One document; `None` when there is none.
pub(crate) fn get(tx: &Connection, kind: &str, id: &str) -> Sql<Option<Record>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records WHERE kind = ?1 AND id = ?2"
    ))?;
    let mut rows = statement.query((kind, id))?;
    Ok(rows.next()?.map(from_row).transpose()?)
}

/// Documents of a kind, the oldest first.
pub(crate) fn list(tx: &Connection, kind: &str, query: &ListRecords) -> Sql<Vec<Record>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records WHERE kind = ?1 ORDER BY created_ms, id LIMIT ?2 OFFSET ?3"
    ))?;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
    let records = statement
        .query_map((kind, limit, offset), from_row)?
        .collect::<Result<_, _>>()?;
    Ok(records)
}

/// Creates a document, or changes the one that has this version; the document as it is then.
pub(crate) fn put(
    tx: &Connection,
    (kind, id): (&str, &str),
    expected: Option<u64>,
    body: &Json,
    now_ms: i64,
) -> Sql<Record> {
    if kind.is_empty() || id.is_empty() {
        return Err(fault(
            StoreErrorKind::Invalid,
            "a document needs a kind and an id",
        ));
    }
    let written = match expected {
        None => tx
            .prepare_cached(
                "INSERT INTO records (kind, id, version, body, created_ms, updated_ms) VALUES (?1, ?2, 1, ?3, ?4, ?4)
                 ON CONFLICT DO NOTHING",
            )?
            .execute((kind, id, body.as_str(), now_ms))?,
        Some(version) => tx
            .prepare_cached(
                "UPDATE records SET version = version + 1, body = ?3, updated_ms = ?4
                 WHERE kind = ?1 AND id = ?2 AND version = ?5",
            )?
            .execute((kind, id, body.as_str(), now_ms, version))?,
    };
    if written == 0 {
        return Err(refused((kind, id), expected));
    }
    get(tx, kind, id)?
        .ok_or_else(|| change::damaged("a document that was just written is not there"))
}

fn refused((kind, id): (&str, &str), expected: Option<u64>) -> crate::error::Fault {
    match expected {
        None => fault(
            StoreErrorKind::Exists,
            format!("there is a {kind} {id:?} already: take another id"),
        ),
        Some(version) => fault(
            StoreErrorKind::Conflict,
            format!("{kind} {id:?} has no version {version} any more: read it and decide anew"),
        ),
    }
}

/// Deletes a document; says whether there was one.
pub(crate) fn delete(tx: &Connection, kind: &str, id: &str) -> Sql<bool> {
    let deleted = tx
        .prepare_cached("DELETE FROM records WHERE kind = ?1 AND id = ?2")?
        .execute((kind, id))?;
    Ok(deleted > 0)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        kind: row.get(0)?,
        id: row.get(1)?,
        version: row.get(2)?,
        body: Json::trusted(row.get_ref(3)?.as_str()?),
        created_ms: row.get(4)?,
        updated_ms: row.get(5)?,
    })
}
