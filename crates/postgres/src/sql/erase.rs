//! Erasing a user with everything of theirs.

use everthread_graph::contract::UserId;
use everthread_store::Erased;

use crate::conn::Conn;
use crate::error::Sql;

/// Deletes every row of a user.
pub(crate) async fn user(_conn: &Conn, _id: &UserId, _now_ms: i64) -> Sql<Erased> {
    todo!()
}
