//! Holds: of a user under one nothing is removed.

use everthread_graph::contract::{StoreErrorKind, UserId};
use rusqlite::Connection;

use crate::error::{Sql, fault};

/// Refuses to remove something of a user under hold.
pub(crate) fn refuse(tx: &Connection, user: i64, id: &UserId) -> Sql<()> {
    let held: bool = tx
        .prepare_cached("SELECT held FROM users WHERE user = ?1")?
        .query_row([user], |row| row.get(0))?;
    if held {
        return Err(fault(
            StoreErrorKind::Held,
            format!("user {id} is under hold: nothing of theirs is removed until the hold ends"),
        ));
    }
    Ok(())
}
