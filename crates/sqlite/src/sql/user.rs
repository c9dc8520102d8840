//! Profiles.

use everthread_graph::contract::{Json, UserId};
use everthread_store::{ListUsers, User, UserPatch, UserProfile};
use rusqlite::{Connection, Row};

use crate::error::Sql;
use crate::sql::{change, place};

const COLUMNS: &str = "u.id, u.name, u.preferences, u.created_ms, u.active_ms, u.held, count(t.thread), \
    coalesce(sum(t.messages), 0)";

/// A user's profile alone.
pub(crate) fn profile(tx: &Connection, id: &UserId) -> Sql<Option<UserProfile>> {
    let sql = "SELECT name, preferences FROM users WHERE id = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([id.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let preferences: Option<String> = row.get(1)?;
    Ok(Some(UserProfile {
        name: row.get(0)?,
        preferences: preferences.map(|json| Json::trusted(&json)),
    }))
}

/// A user's profile, and what the user has; `None` when nothing is known of the user.
pub(crate) fn get(tx: &Connection, id: &UserId) -> Sql<Option<User>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM users u LEFT JOIN threads t ON t.user = u.user WHERE u.id = ?1 GROUP BY u.user"
    ))?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(from_row).transpose()
}

/// All users, the latest activity first.
pub(crate) fn list(tx: &Connection, query: &ListUsers) -> Sql<Vec<User>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS}
         FROM (SELECT * FROM users ORDER BY active_ms DESC, user DESC LIMIT ?1 OFFSET ?2) u
           LEFT JOIN threads t ON t.user = u.user
         GROUP BY u.user ORDER BY u.active_ms DESC, u.user DESC"
    ))?;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
    let mut rows = statement.query((limit, offset))?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(from_row(row)?);
    }
    Ok(users)
}

/// Creates or changes a profile; the profile as it is then.
pub(crate) fn put(tx: &Connection, id: &UserId, patch: &UserPatch, now_ms: i64) -> Sql<User> {
    let user = place::user_or_new(tx, id, now_ms)?;
    tx.prepare_cached(
        "UPDATE users SET name = coalesce(?2, name), preferences = coalesce(?3, preferences), held = coalesce(?4, held)
         WHERE user = ?1",
    )?
    .execute((
        user,
        patch.name.as_deref(),
        patch.preferences.as_ref().map(Json::as_str),
        patch.held,
    ))?;
    get(tx, id)?.ok_or_else(|| change::damaged("a user that was just written is not there"))
}

fn from_row(row: &Row<'_>) -> Sql<User> {
    let id: String = row.get(0)?;
    Ok(User {
        id: UserId::new(id).map_err(|_| change::damaged("a user has an id that is none"))?,
        name: row.get(1)?,
        preferences: row
            .get::<_, Option<String>>(2)?
            .as_deref()
            .map(Json::trusted),
        created_ms: row.get(3)?,
        active_ms: row.get(4)?,
        held: row.get(5)?,
        threads: row.get(6)?,
        messages: row.get(7)?,
    })
}
