//! Profiles.

use everthread_graph::contract::{Json, UserId};
use everthread_store::{User, UserPatch};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Sql;
use crate::sql::{change, place};

/// A user's profile; `None` when nothing is known of the user.
pub(crate) fn get(tx: &Connection, id: &UserId) -> Sql<Option<User>> {
    Ok(tx
        .prepare_cached("SELECT name, preferences, created_ms, active_ms FROM users WHERE id = ?1")?
        .query_row([id.as_str()], |row| {
            Ok(User {
                id: id.clone(),
                name: row.get(0)?,
                preferences: row
                    .get::<_, Option<String>>(1)?
                    .as_deref()
                    .map(Json::trusted),
                created_ms: row.get(2)?,
                active_ms: row.get(3)?,
            })
        })
        .optional()?)
}

/// Creates or changes a profile; the profile as it is then.
pub(crate) fn put(tx: &Connection, id: &UserId, patch: &UserPatch, now_ms: i64) -> Sql<User> {
    let user = place::user_or_new(tx, id, now_ms)?;
    tx.prepare_cached(
        "UPDATE users SET name = coalesce(?2, name), preferences = coalesce(?3, preferences) WHERE user = ?1",
    )?
    .execute((
        user,
        patch.name.as_deref(),
        patch.preferences.as_ref().map(Json::as_str),
    ))?;
    get(tx, id)?.ok_or_else(|| change::damaged("a user that was just written is not there"))
}
