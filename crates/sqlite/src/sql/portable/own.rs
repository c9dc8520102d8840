//! A user's own rows and documents of the deployment: each meets the one that is there by itself.

use everthread_graph::contract::{Json, StoreErrorKind, ThreadId, UserId};
use everthread_store::portable::{ItemRow, Outcome, Part, Row, UserRow, WriteRows, Written};
use everthread_store::{Record, Session};
use rusqlite::{Connection, OptionalExtension, Params};

use super::refused;
use crate::error::{Sql, fault};
use crate::sql::{item, place};

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
pub(crate) fn apply(
    tx: &Connection,
    part: &Part,
    rows: &[Row],
    how: WriteRows,
    tally: &mut Tally,
) -> Sql<()> {
    for row in rows {
        let taken = match (part, row) {
            (_, Row::Record(row)) => record(tx, row, how),
            (_, Row::User(row)) => user(tx, row, how, tally),
            (Part::User(id), Row::Session(row)) => session(tx, id, row, how),
            (Part::User(id), Row::Item(row)) => item(tx, id, row, how),
            // The order has been looked at: no other rows come.
            _ => Ok(false),
        };
        if taken.map_err(refused)? {
            tally.written += 1;
        } else {
            tally.skipped += 1;
        }
    }
    Ok(())
}

/// When the row that is there last changed; `None` when there is none.
fn there(tx: &Connection, select: &str, names: impl Params) -> Sql<Option<i64>> {
    Ok(tx
        .prepare_cached(select)?
        .query_row(names, |row| row.get(0))
        .optional()?)
}

fn takes(how: WriteRows, there: Option<i64>, comes_ms: i64) -> bool {
    there.is_none_or(|there_ms| how.on_conflict.takes_place(there_ms, comes_ms))
}

fn user(tx: &Connection, row: &UserRow, how: WriteRows, tally: &mut Tally) -> Sql<bool> {
    let active = there(
        tx,
        "SELECT active_ms FROM users WHERE id = ?1",
        [row.id.as_str()],
    )?;
    let taken = takes(how, active, row.active_ms);
    tally.outcome = Some(match (active, taken) {
        (None, _) => Outcome::Created,
        (Some(_), true) => Outcome::Replaced,
        (Some(_), false) => Outcome::Kept,
    });
    if taken && !how.dry_run {
        tx.prepare_cached(
            "INSERT INTO users (id, name, preferences, created_ms, active_ms, held) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET name = ?2, preferences = ?3, created_ms = ?4, active_ms = ?5,
               held = held OR ?6",
        )?
        .execute((
            row.id.as_str(),
            row.name.as_deref(),
            row.preferences.as_ref().map(Json::as_str),
            row.created_ms,
            row.active_ms,
            row.held,
        ))?;
    }
    Ok(taken)
}

fn session(tx: &Connection, user: &UserId, row: &Session, how: WriteRows) -> Sql<bool> {
    if row.id.is_empty() {
        return Err(fault(StoreErrorKind::Invalid, "a session needs an id"));
    }
    let Some(user) = place::user(tx, user)? else {
        return Ok(how.dry_run);
    };
    let last = there(
        tx,
        "SELECT last_ms FROM sessions WHERE user = ?1 AND id = ?2",
        (user, &row.id),
    )?;
    let taken = takes(how, last, row.last_ms);
    if taken && !how.dry_run {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO sessions (user, id, client, thread, started_ms, last_ms, turns)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            user,
            &row.id,
            &row.client,
            row.thread.as_ref().map(ThreadId::as_str),
            row.started_ms,
            row.last_ms,
            row.turns,
        ))?;
    }
    Ok(taken)
}

fn item(tx: &Connection, user: &UserId, row: &ItemRow, how: WriteRows) -> Sql<bool> {
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
    let Some(user) = place::user(tx, user)? else {
        return Ok(how.dry_run);
    };
    let namespace = row.namespace.join(".");
    let updated = there(
        tx,
        "SELECT updated_ms FROM items WHERE user = ?1 AND namespace = ?2 AND key = ?3",
        (user, &namespace, &row.key),
    )?;
    let taken = takes(how, updated, row.updated_ms);
    if taken && !how.dry_run {
        tx.prepare_cached(
            "INSERT INTO items (user, namespace, key, value, created_ms, updated_ms, expires_ms, ttl_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET value = ?4, created_ms = ?5, updated_ms = ?6, expires_ms = ?7, ttl_ms = ?8",
        )?
        .execute((
            user,
            &namespace,
            &row.key,
            row.value.as_str(),
            row.created_ms,
            row.updated_ms,
            row.expires_ms,
            row.ttl_ms,
        ))?;
    }
    Ok(taken)
}

fn record(tx: &Connection, row: &Record, how: WriteRows) -> Sql<bool> {
    if row.kind.is_empty() || row.id.is_empty() || row.version == 0 {
        return Err(fault(
            StoreErrorKind::Invalid,
            "a document needs a kind, an id and a version",
        ));
    }
    let updated = there(
        tx,
        "SELECT updated_ms FROM records WHERE kind = ?1 AND id = ?2",
        (&row.kind, &row.id),
    )?;
    let taken = takes(how, updated, row.updated_ms);
    if taken && !how.dry_run {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO records (kind, id, version, body, created_ms, updated_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            &row.kind,
            &row.id,
            row.version,
            row.body.as_str(),
            row.created_ms,
            row.updated_ms,
        ))?;
    }
    Ok(taken)
}
