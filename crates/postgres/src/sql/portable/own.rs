//! A user's own rows and documents of the deployment: each meets the one that is there by itself.

use everthread_graph::contract::{StoreErrorKind, UserId};
use everthread_store::portable::{ItemRow, Outcome, Part, Row, UserRow, WriteRows, Written};
use everthread_store::{Record, Session};

use super::refused;
use crate::conn::Conn;
use crate::error::{Sql, fault};
use crate::param::{Columns, Params, Text, number};
use crate::sql::item;

/// What was done so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    outcome: Option<Outcome>,
    written: u64,
    skipped: u64,
}

impl Tally {
    /// What became of all rows. Of documents, which have no first one, the outcome follows from the counts.
    pub(crate) fn done(self) -> Written {
        let outcome = match (self.outcome, self.written) {
            (Some(outcome), _) => outcome,
            (None, 0) => Outcome::Kept,
            (None, _) => Outcome::Created,
        };
        Written {
            outcome,
            written: self.written,
            skipped: self.skipped,
        }
    }
}

/// Writes some rows of a part that is no thread, or only looks what would be written.
pub(crate) async fn apply(
    conn: &Conn,
    part: &Part,
    rows: &[Row],
    how: WriteRows,
    tally: &mut Tally,
) -> Sql<()> {
    for row in rows {
        let taken = match (part, row) {
            (_, Row::Record(row)) => record(conn, row, how).await,
            (_, Row::User(row)) => user(conn, row, how, tally).await,
            (Part::User(id), Row::Session(row)) => session(conn, id, row, how).await,
            (Part::User(id), Row::Item(row)) => item(conn, id, row, how).await,
            // The order has been looked at: no other rows come.
            _ => Ok(false),
        };
        if refused(taken)? {
            tally.written += 1;
        } else {
            tally.skipped += 1;
        }
    }
    Ok(())
}

/// When the row that is there last changed; `None` when there is none.
async fn there(conn: &Conn, select: &'static str, names: Params<'_>) -> Sql<Option<i64>> {
    let row = conn.row(select, names).await?;
    row.map(|row| row.at(0)).transpose()
}

fn takes(how: WriteRows, there: Option<i64>, comes_ms: i64) -> bool {
    there.is_none_or(|there_ms| how.on_conflict.takes_place(there_ms, comes_ms))
}

async fn user(conn: &Conn, row: &UserRow, how: WriteRows, tally: &mut Tally) -> Sql<bool> {
    let id = Text::of(row.id.as_str());
    let active = there(
        conn,
        "SELECT active_ms FROM our.users WHERE user_id = $1",
        &[&id],
    )
    .await?;
    let taken = takes(how, active, row.active_ms);
    tally.outcome = Some(match (active, taken) {
        (None, _) => Outcome::Created,
        (Some(_), true) => Outcome::Replaced,
        (Some(_), false) => Outcome::Kept,
    });
    if taken && !how.dry_run {
        conn.execute(
            "INSERT INTO our.users AS u (user_id, name, preferences, created_ms, active_ms, held)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, preferences = excluded.preferences,
               created_ms = excluded.created_ms, active_ms = excluded.active_ms, held = u.held OR excluded.held",
            &[
                &id,
                &row.name.as_deref().map(Text::of),
                &row.preferences.as_ref().map(Text::json),
                &row.created_ms,
                &row.active_ms,
                &row.held,
            ],
        )
        .await?;
    }
    Ok(taken)
}

async fn session(conn: &Conn, user: &UserId, row: &Session, how: WriteRows) -> Sql<bool> {
    if row.id.is_empty() {
        return Err(fault(StoreErrorKind::Invalid, "a session needs an id"));
    }
    let (user, id) = (Text::of(user.as_str()), Text::of(&row.id));
    let last = there(
        conn,
        "SELECT last_ms FROM our.sessions WHERE user_id = $1 AND id = $2",
        &[&user, &id],
    )
    .await?;
    let taken = takes(how, last, row.last_ms);
    if taken && !how.dry_run {
        conn.execute(
            "INSERT INTO our.sessions (user_id, id, client, thread, started_ms, last_ms, turns)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (user_id, id) DO UPDATE SET client = excluded.client, thread = excluded.thread,
               started_ms = excluded.started_ms, last_ms = excluded.last_ms, turns = excluded.turns",
            &[
                &user,
                &id,
                &Text::of(&row.client),
                &row.thread.as_ref().map(|thread| Text::of(thread.as_str())),
                &row.started_ms,
                &row.last_ms,
                &number(row.turns),
            ],
        )
        .await?;
    }
    Ok(taken)
}

async fn item(conn: &Conn, user: &UserId, row: &ItemRow, how: WriteRows) -> Sql<bool> {
    item::check_namespace(&row.namespace)?;
    if row.expires_ms.is_some() != row.ttl_ms.is_some() {
        return Err(fault(
            StoreErrorKind::Invalid,
            format!(
                "item {:?} ends and was not given a time, or the other way round",
                row.key
            ),
        ));
    }
    let (user, key) = (Text::of(user.as_str()), Text::of(&row.key));
    let namespace = Text::owned(row.namespace.join("."));
    let updated = there(
        conn,
        "SELECT updated_ms FROM our.items WHERE user_id = $1 AND namespace = $2 AND key = $3",
        &[&user, &namespace, &key],
    )
    .await?;
    let taken = takes(how, updated, row.updated_ms);
    if taken && !how.dry_run {
        conn.execute(
            "INSERT INTO our.items (user_id, namespace, key, value, created_ms, updated_ms, expires_ms, ttl_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (user_id, namespace, key) DO UPDATE SET value = excluded.value,
               created_ms = excluded.created_ms, updated_ms = excluded.updated_ms,
               expires_ms = excluded.expires_ms, ttl_ms = excluded.ttl_ms",
            &[
                &user,
                &namespace,
                &key,
                &Text::json(&row.value),
                &row.created_ms,
                &row.updated_ms,
                &row.expires_ms,
                &row.ttl_ms,
            ],
        )
        .await?;
    }
    Ok(taken)
}

async fn record(conn: &Conn, row: &Record, how: WriteRows) -> Sql<bool> {
    if row.kind.is_empty() || row.id.is_empty() || row.version == 0 {
        return Err(fault(
            StoreErrorKind::Invalid,
            "a document needs a kind, an id and a version",
        ));
    }
    let (kind, id) = (Text::of(&row.kind), Text::of(&row.id));
    let updated = there(
        conn,
        "SELECT updated_ms FROM our.records WHERE kind = $1 AND id = $2",
        &[&kind, &id],
    )
    .await?;
    let taken = takes(how, updated, row.updated_ms);
    if taken && !how.dry_run {
        conn.execute(
            "INSERT INTO our.records (kind, id, version, body, created_ms, updated_ms)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, body = excluded.body,
               created_ms = excluded.created_ms, updated_ms = excluded.updated_ms",
            &[
                &kind,
                &id,
                &number(row.version),
                &Text::json(&row.body),
                &row.created_ms,
                &row.updated_ms,
            ],
        )
        .await?;
    }
    Ok(taken)
}
