//! Sizes and counts of a whole store.

use everthread_store::Stats;

use crate::conn::Conn;
use crate::error::Sql;

/// What the database knows of itself; where it lies is the caller's.
pub(crate) async fn stats(_conn: &Conn) -> Sql<Stats> {
    todo!()
}
