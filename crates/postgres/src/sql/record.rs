//! Documents of the whole deployment.

use everthread_graph::contract::Json;
use everthread_store::{ListRecords, Record};

use crate::conn::Conn;
use crate::error::Sql;

/// One document; `None` when there is none.
pub(crate) async fn get(_conn: &Conn, _kind: &str, _id: &str) -> Sql<Option<Record>> {
    todo!()
}

/// Documents of a kind, the oldest first.
pub(crate) async fn list(_conn: &Conn, _kind: &str, _query: &ListRecords) -> Sql<Vec<Record>> {
    todo!()
}

/// Creates a document, or changes the one that has this version; the document as it is then.
pub(crate) async fn put(
    _conn: &Conn,
    (_kind, _id): (&str, &str),
    _expected: Option<u64>,
    _body: &Json,
    _now_ms: i64,
) -> Sql<Record> {
    todo!()
}

/// Deletes a document; says whether there was one.
pub(crate) async fn delete(_conn: &Conn, _kind: &str, _id: &str) -> Sql<bool> {
    todo!()
}
