//! Long-term memory.

use everthread_graph::contract::{Item, ItemQuery, Json, NamespaceQuery, UserId};

use crate::conn::Conn;
use crate::error::Sql;

/// What is stored under a key.
pub(crate) struct Stored {
    /// The value; `None` removes the key.
    pub(crate) value: Option<Json>,
    /// When it ends.
    pub(crate) expires_ms: Option<i64>,
}

pub(crate) fn check_namespace(_namespace: &[String]) -> Sql<()> {
    todo!()
}

/// One item; `None` when it is not there.
pub(crate) async fn get(
    _conn: &Conn,
    _user: &UserId,
    (_namespace, _key): (&[String], &str),
    _now_ms: i64,
) -> Sql<Option<Item>> {
    todo!()
}

/// Stores a value under a key, or removes the key; some items that expired go with it.
pub(crate) async fn put(
    _conn: &Conn,
    _user: &UserId,
    (_namespace, _key): (&[String], &str),
    _stored: &Stored,
    _now_ms: i64,
) -> Sql<()> {
    todo!()
}

pub(crate) async fn refresh(
    _conn: &Conn,
    _user: &UserId,
    (_namespace, _key): (&[String], &str),
    _now_ms: i64,
) -> Sql<bool> {
    todo!()
}

pub(crate) async fn search(
    _conn: &Conn,
    _user: &UserId,
    _query: &ItemQuery,
    _now_ms: i64,
) -> Sql<Vec<Item>> {
    todo!()
}

pub(crate) async fn search_and_refresh(
    _conn: &Conn,
    _user: &UserId,
    _query: &ItemQuery,
    _now_ms: i64,
) -> Sql<Vec<Item>> {
    todo!()
}

pub(crate) async fn namespaces(
    _conn: &Conn,
    _user: &UserId,
    _query: &NamespaceQuery,
    _now_ms: i64,
) -> Sql<Vec<Vec<String>>> {
    todo!()
}
