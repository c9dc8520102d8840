//! Documents of the whole deployment.

use everthread_graph::contract::{Json, StoreErrorKind};
use everthread_store::{ListRecords, Record};
use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::{Fault, Sql, fault};
use crate::param::{Columns, Text, number, rows};

/// One document; `None` when there is none.
pub(crate) async fn get(conn: &Conn, kind: &str, id: &str) -> Sql<Option<Record>> {
    let row = conn
        .row(
            "SELECT kind, id, version, body, created_ms, updated_ms FROM our.records WHERE kind = $1 AND id = $2",
            &[&Text::of(kind), &Text::of(id)],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// Documents of a kind, the oldest first.
pub(crate) async fn list(conn: &Conn, kind: &str, query: &ListRecords) -> Sql<Vec<Record>> {
    let found = conn
        .query(
            "SELECT kind, id, version, body, created_ms, updated_ms FROM our.records
             WHERE kind = $1 ORDER BY created_ms, id LIMIT $2 OFFSET $3",
            &[&Text::of(kind), &rows(query.limit), &rows(query.offset)],
        )
        .await?;
    found.iter().map(from_row).collect()
}

/// Creates a document, or changes the one that has this version; the document as it is then.
pub(crate) async fn put(
    conn: &Conn,
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
    let (kind_text, id_text, body) = (Text::of(kind), Text::of(id), Text::json(body));
    let written = match expected {
        None => {
            conn.row(
                "INSERT INTO our.records (kind, id, version, body, created_ms, updated_ms)
                 VALUES ($1, $2, 1, $3, $4, $4) ON CONFLICT (kind, id) DO NOTHING
                 RETURNING kind, id, version, body, created_ms, updated_ms",
                &[&kind_text, &id_text, &body, &now_ms],
            )
            .await?
        }
        Some(version) => {
            conn.row(
                "UPDATE our.records SET version = version + 1, body = $3, updated_ms = $4
                 WHERE kind = $1 AND id = $2 AND version = $5
                 RETURNING kind, id, version, body, created_ms, updated_ms",
                &[&kind_text, &id_text, &body, &now_ms, &number(version)],
            )
            .await?
        }
    };
    match written {
        Some(row) => from_row(&row),
        None => Err(refused((kind, id), expected)),
    }
}

fn refused((kind, id): (&str, &str), expected: Option<u64>) -> Fault {
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
pub(crate) async fn delete(conn: &Conn, kind: &str, id: &str) -> Sql<bool> {
    let deleted = conn
        .execute(
            "DELETE FROM our.records WHERE kind = $1 AND id = $2",
            &[&Text::of(kind), &Text::of(id)],
        )
        .await?;
    Ok(deleted > 0)
}

fn from_row(row: &Row) -> Sql<Record> {
    Ok(Record {
        kind: row.text(0)?,
        id: row.text(1)?,
        version: row.count(2)?,
        body: row.json(3)?,
        created_ms: row.at(4)?,
        updated_ms: row.at(5)?,
    })
}
