//! Profiles.

use everthread_graph::contract::UserId;
use everthread_store::{ListUsers, User, UserPatch, UserProfile};
use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text, rows};
use crate::sql::place;

/// A user's profile alone.
pub(crate) async fn profile(conn: &Conn, id: &UserId) -> Sql<Option<UserProfile>> {
    let sql = "SELECT name, preferences FROM our.users WHERE user_id = $1";
    let row = conn.row(sql, &[&Text::of(id.as_str())]).await?;
    let profile = |row: Row| {
        Ok(UserProfile {
            name: row.text_or_none(0)?,
            preferences: row.json_or_none(1)?,
        })
    };
    row.map(profile).transpose()
}

/// A user's profile, and what the user has; `None` when nothing is known of the user.
pub(crate) async fn get(conn: &Conn, id: &UserId) -> Sql<Option<User>> {
    let row = conn
        .row(
            "SELECT u.user_id, u.name, u.preferences, u.created_ms, u.active_ms, u.held, count(t.thread),
               coalesce(sum(t.messages), 0)::bigint
             FROM our.users u LEFT JOIN our.threads t ON t.user_id = u.user_id
             WHERE u.user_id = $1 GROUP BY u.user_id",
            &[&Text::of(id.as_str())],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// All users, the latest activity first.
pub(crate) async fn list(conn: &Conn, query: &ListUsers) -> Sql<Vec<User>> {
    let found = conn
        .query(
            "SELECT u.user_id, u.name, u.preferences, u.created_ms, u.active_ms, u.held, count(t.thread),
               coalesce(sum(t.messages), 0)::bigint
             FROM (SELECT * FROM our.users ORDER BY active_ms DESC, user_id DESC LIMIT $1 OFFSET $2) u
               LEFT JOIN our.threads t ON t.user_id = u.user_id
             GROUP BY u.user_id, u.name, u.preferences, u.created_ms, u.active_ms, u.held
             ORDER BY u.active_ms DESC, u.user_id DESC",
            &[&rows(query.limit), &rows(query.offset)],
        )
        .await?;
    found.iter().map(from_row).collect()
}

/// Creates or changes a profile; the profile as it is then.
pub(crate) async fn put(conn: &Conn, id: &UserId, patch: &UserPatch, now_ms: i64) -> Sql<User> {
    place::ensure_user(conn, id, now_ms).await?;
    conn.execute(
        "UPDATE our.users
         SET name = coalesce($2, name), preferences = coalesce($3, preferences), held = coalesce($4, held)
         WHERE user_id = $1",
        &[
            &Text::of(id.as_str()),
            &patch.name.as_deref().map(Text::of),
            &patch.preferences.as_ref().map(Text::json),
            &patch.held,
        ],
    )
    .await?;
    get(conn, id)
        .await?
        .ok_or_else(|| damaged("a user that was just written is not there"))
}

fn from_row(row: &Row) -> Sql<User> {
    Ok(User {
        id: UserId::new(row.text(0)?).map_err(|_| damaged("a user has an id that is none"))?,
        name: row.text_or_none(1)?,
        preferences: row.json_or_none(2)?,
        created_ms: row.at(3)?,
        active_ms: row.at(4)?,
        held: row.at(5)?,
        threads: row.count(6)?,
        messages: row.count(7)?,
    })
}
