//! From names to numbers.

use std::sync::atomic::{AtomicI64, Ordering};

use everthread_graph::contract::{ThreadKey, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conn::{Conn, Statement};
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text};

/// Low bits of a thread's number that are left to chance; those above are the time.
const CHANCE_BITS: u32 = 21;

/// How often another number is tried for a thread whose number was taken, and how often a user is created.
const TRIES: usize = 8;

/// Where the rows of a thread are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The user's id.
    pub(crate) user: UserId,
    /// The thread's number among the user's.
    pub(crate) thread: i64,
}

impl Place {
    /// The user, as a parameter.
    pub(crate) fn user(&self) -> Text<'_> {
        Text::of(self.user.as_str())
    }

    /// The same, to be kept.
    pub(crate) fn owned_user(&self) -> Text<'static> {
        Text::owned(self.user.as_str())
    }
}

/// Creates a user who is new. Nobody erases them until the transaction ends: an erasure that is at it is waited for.
pub(crate) async fn ensure_user(conn: &Conn, user: &UserId, now_ms: i64) -> Sql<()> {
    let create = || {
        Statement::new(
            "INSERT INTO our.users (user_id, created_ms, active_ms) VALUES ($1, $2, $2) ON CONFLICT (user_id) DO NOTHING",
        )
        .with(Text::owned(user.as_str()))
        .with(now_ms)
    };
    let keep = || {
        Statement::new("SELECT 1 FROM our.users WHERE user_id = $1 FOR KEY SHARE")
            .with(Text::owned(user.as_str()))
    };
    for _ in 0..TRIES {
        let answers = conn.send(&[create(), keep()]).await?;
        if answers.last().is_some_and(|answer| !answer.rows.is_empty()) {
            return Ok(());
        }
    }
    Err(damaged("a user is gone as often as they are created"))
}

/// Where a thread is; `None` when the user has none of this id.
pub(crate) async fn thread(conn: &Conn, key: &ThreadKey) -> Sql<Option<Place>> {
    let row = conn
        .row(
            "SELECT thread FROM our.threads WHERE user_id = $1 AND id = $2",
            &[&Text::of(key.user.as_str()), &Text::of(key.thread.as_str())],
        )
        .await?;
    row.map(|row| at(key, &row)).transpose()
}

/// Locks a thread for the rest of the transaction, and says that what others remember of it is so no more. `None` when
/// the user has none of this id.
pub(crate) async fn seize(conn: &Conn, key: &ThreadKey) -> Sql<Option<Place>> {
    let named = |sql: &'static str| {
        Statement::new(sql)
            .with(Text::owned(key.user.as_str()))
            .with(Text::owned(key.thread.as_str()))
    };
    // Whoever needs that it stays is waited for: what they write of it is there to be seen.
    let lock = "SELECT 1 FROM our.threads WHERE user_id = $1 AND id = $2 FOR UPDATE";
    let mark = "UPDATE our.threads SET mark = $3 WHERE user_id = $1 AND id = $2 RETURNING thread";
    let answers = conn
        .send(&[named(lock), named(mark).with(new_mark())])
        .await?;
    let row = answers.last().and_then(|answer| answer.rows.first());
    row.map(|row| at(key, row)).transpose()
}

/// Creates a thread, and its user when that is new too; `None` when the user has one of this id. Where another process
/// creates it at this moment, its end is waited for.
pub(crate) async fn create(conn: &Conn, key: &ThreadKey, now_ms: i64) -> Sql<Option<Place>> {
    ensure_user(conn, &key.user, now_ms).await?;
    for _ in 0..TRIES {
        let row = conn
            .row(
                "INSERT INTO our.threads (user_id, thread, id, created_ms, updated_ms) VALUES ($1, $2, $3, $4, $4)
                 ON CONFLICT DO NOTHING RETURNING thread",
                &[
                    &Text::of(key.user.as_str()),
                    &new_number(now_ms),
                    &Text::of(key.thread.as_str()),
                    &now_ms,
                ],
            )
            .await?;
        if let Some(row) = row {
            return at(key, &row).map(Some);
        }
        if thread(conn, key).await?.is_some() {
            return Ok(None);
        }
    }
    Err(damaged("a thread finds no free number"))
}

/// Another mark than any before.
pub(crate) fn new_mark() -> i64 {
    chance()
}

fn at(key: &ThreadKey, row: &Row) -> Sql<Place> {
    Ok(Place {
        user: key.user.clone(),
        thread: row.at(0)?,
    })
}

/// A number for a new thread: above every one that this process gave, and hardly ever one that another gave.
fn new_number(now_ms: i64) -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let drawn = (now_ms.max(0) << CHANCE_BITS) | (chance() & ((1 << CHANCE_BITS) - 1));
    let last = LAST
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
            Some(drawn.max(last + 1))
        })
        .unwrap_or(drawn);
    drawn.max(last + 1)
}

/// Bits of chance: those of a UUID that say nothing of the time.
fn chance() -> i64 {
    let (_, low) = Uuid::now_v7().as_u64_pair();
    low.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_threads_ascend_whatever_the_clock_says() {
        let now_ms = 1_790_000_000_000;
        let numbers = [now_ms, now_ms, now_ms - 5_000, now_ms + 1].map(new_number);
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert!(numbers[0] > 0);
    }

    #[test]
    fn marks_differ() {
        assert_ne!(new_mark(), new_mark());
    }
}
