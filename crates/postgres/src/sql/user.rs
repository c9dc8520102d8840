//! Profiles.

use everthread_graph::contract::UserId;
use everthread_store::{ListUsers, User, UserPatch};

use crate::conn::Conn;
use crate::error::Sql;

/// A user's profile; `None` when nothing is known of the user.
pub(crate) async fn get(_conn: &Conn, _id: &UserId) -> Sql<Option<User>> {
    todo!()
}

/// All users, the latest activity first.
pub(crate) async fn list(_conn: &Conn, _query: &ListUsers) -> Sql<Vec<User>> {
    todo!()
}

/// Creates or changes a profile; the profile as it is then.
pub(crate) async fn put(
    _conn: &Conn,
    _id: &UserId,
    _patch: &UserPatch,
    _now_ms: i64,
) -> Sql<User> {
    todo!()
}
