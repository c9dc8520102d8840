//! What runs told those who follow them: a batch in a row.

use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::RunEvent;

use crate::conn::{Conn, Statement};
use crate::error::Sql;
use crate::sql::place::Place;

/// Adds a batch.
pub(crate) async fn append(
    _conn: &Conn,
    _key: &ThreadKey,
    _id: RunId,
    _events: &[RunEvent],
    _now_ms: i64,
) -> Sql<()> {
    todo!()
}

/// Events after a number, in order.
pub(crate) async fn list(
    _conn: &Conn,
    _key: &ThreadKey,
    _run: RunId,
    _after: Option<u64>,
    _limit: usize,
) -> Sql<Vec<RunEvent>> {
    todo!()
}

/// What forgets all that a run told.
pub(crate) fn forget(place: &Place, run: RunId) -> Statement {
    Statement::new("DELETE FROM our.run_events WHERE user_id = $1 AND thread = $2 AND run = $3")
        .with(place.owned_user())
        .with(place.thread)
        .with(run.uuid())
}

/// Deletes some of what was told before this time by runs that are not live; how many events went, and whether there
/// may be more.
pub(crate) async fn delete_before(_conn: &Conn, _ms: i64) -> Sql<(u64, bool)> {
    todo!()
}
