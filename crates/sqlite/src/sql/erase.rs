//! Erasing a user with everything of theirs.

use everthread_graph::contract::{StoreErrorKind, UserId};
use everthread_store::Erased;
use everthread_store::portable::{ERASED, Mark};
use rusqlite::Connection;

use crate::error::{Sql, fault};
use crate::owner::Owner;
use crate::sql::commit::CONVERSATION;
use crate::sql::{hold, index, place, tally};

/// Every table whose rows lead with the user, those first that refer to others.
const TABLES: &[&str] = &[
    "pending_writes",
    "run_events",
    "checkpoints",
    "channel_changes",
    "messages",
    "runs",
    "heads",
    "branches",
    "threads",
    "items",
    "sessions",
    "users",
];

/// Free pages that are given back in one transaction.
const PAGES_AT_ONCE: u32 = 256;

/// Deletes every row of a user. Their words lie in the search index until it is purged.
pub(crate) fn user(tx: &Connection, id: &UserId, owners: &Owner, now_ms: i64) -> Sql<Erased> {
    let Some(user) = place::user(tx, id)? else {
        return Err(fault(
            StoreErrorKind::NotFound,
            format!("user {id} is not there"),
        ));
    };
    hold::refuse(tx, user, id)?;
    refuse_busy(tx, user, id, owners)?;
    let erased = counts(tx, user)?;
    index::forget_user(tx, user)?;
    tally::forget_user(tx, user)?;
    for table in TABLES {
        tx.execute(&format!("DELETE FROM {table} WHERE user = ?1"), [user])?;
    }
    let mark = Mark::of(id, now_ms);
    tx.execute(
        "INSERT INTO records (kind, id, version, body, created_ms, updated_ms) VALUES (?1, ?2, 1, ?3, ?4, ?4)
         ON CONFLICT DO UPDATE SET version = version + 1, body = ?3, updated_ms = ?4",
        (ERASED, &mark.id, mark.body().as_str(), now_ms),
    )?;
    Ok(erased)
}

fn refuse_busy(tx: &Connection, user: i64, id: &UserId, owners: &Owner) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT owner FROM runs INDEXED BY runs_live WHERE user = ?1 AND queue IS NOT NULL AND queue = 0",
    )?;
    let mut rows = statement.query([user])?;
    while let Some(row) = rows.next()? {
        let owner: Option<String> = row.get(0)?;
        if owners.is_alive(&owner.unwrap_or_default()) {
            return Err(fault(
                StoreErrorKind::Busy,
                format!("a run is active for user {id}: wait for its end or stop it"),
            ));
        }
    }
    Ok(())
}

fn counts(tx: &Connection, user: i64) -> Sql<Erased> {
    Ok(tx.query_row(
        "SELECT (SELECT count(*) FROM threads WHERE user = ?1),
                (SELECT count(*) FROM messages WHERE user = ?1 AND channel = ?2),
                (SELECT count(*) FROM checkpoints WHERE user = ?1),
                (SELECT count(*) FROM runs WHERE user = ?1),
                (SELECT count(*) FROM items WHERE user = ?1),
                (SELECT count(*) FROM sessions WHERE user = ?1)",
        (user, CONVERSATION),
        |row| {
            Ok(Erased {
                threads: row.get(0)?,
                messages: row.get(1)?,
                checkpoints: row.get(2)?,
                runs: row.get(3)?,
                items: row.get(4)?,
                sessions: row.get(5)?,
                bytes: 0,
            })
        },
    )?)
}

/// Bytes in use.
pub(crate) fn live_bytes(tx: &Connection) -> Sql<u64> {
    let pragma = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
}

/// Gives some free pages back, with what they held; says whether there are more.
pub(crate) fn give_back(tx: &Connection) -> Sql<bool> {
    let free = || tx.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = free()?;
    if before == 0 {
        return Ok(false);
    }
    let mut statement =
        tx.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    let after = free()?;
    Ok(after > 0 && after < before)
}
