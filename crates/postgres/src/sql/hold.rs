//! Holds: of a user under one nothing is removed.

use everthread_graph::contract::{StoreErrorKind, UserId};

use crate::conn::Conn;
use crate::error::{Fault, Sql, fault};
use crate::param::{Columns, Text};

/// Refuses to remove something of a user under hold. None begins until the transaction ends.
pub(crate) async fn refuse(conn: &Conn, user: &UserId) -> Sql<()> {
    let held = conn
        .row(
            "SELECT held FROM our.users WHERE user_id = $1 FOR SHARE",
            &[&Text::of(user.as_str())],
        )
        .await?;
    match held.map_or(Ok(false), |row| row.at(0))? {
        true => Err(refused(user)),
        false => Ok(()),
    }
}

/// The error.
pub(crate) fn refused(user: &UserId) -> Fault {
    fault(
        StoreErrorKind::Held,
        format!("user {user} is under hold: nothing of theirs is removed until the hold ends"),
    )
}
