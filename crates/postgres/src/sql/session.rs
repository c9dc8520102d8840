//! Sessions.

use everthread_graph::contract::UserId;
use everthread_store::Session;

use crate::conn::Conn;
use crate::error::Sql;

/// Keeps a session as it is now; its user is created when new.
pub(crate) async fn put(
    _conn: &Conn,
    _user: &UserId,
    _session: &Session,
    _now_ms: i64,
) -> Sql<()> {
    todo!()
}

/// A user's sessions, the one that did something last first.
pub(crate) async fn list(_conn: &Conn, _user: &UserId, _limit: usize) -> Sql<Vec<Session>> {
    todo!()
}
