//! Deleting a thread with everything of it, or one run that ended.

use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::Deleted;

use crate::conn::Conn;
use crate::error::Sql;

/// Deletes a thread: its rows, and its words in the search index.
pub(crate) async fn thread(_conn: &Conn, _key: &ThreadKey) -> Sql<Deleted> {
    todo!()
}

/// Deletes a run that has ended.
pub(crate) async fn run(_conn: &Conn, _key: &ThreadKey, _id: RunId) -> Sql<()> {
    todo!()
}
