//! Putting a run into a thread's queue before anybody begins it.

use everthread_graph::contract::{Multitask, NewRun, RunId, StoreErrorKind, ThreadKey};
use uuid::Uuid;

use crate::conn::Conn;
use crate::error::{Sql, damaged, fault};
use crate::param::Columns;
use crate::sql::place::{self, Place};
use crate::sql::queue::{self, Live};

/// Runs that are looked through for one of the same id: a call that is sent again is sent again soon.
const LOOKED_THROUGH: i64 = 128;

/// Who queues a run and when it comes, and how many may be there.
pub(crate) struct Entry {
    /// The process.
    pub(crate) owner: Uuid,
    /// The time.
    pub(crate) now_ms: i64,
    /// It does not begin before.
    pub(crate) starts_ms: Option<i64>,
    /// Runs that may wait on one thread.
    pub(crate) waiting_runs: usize,
}

/// Adds a run at the end of the queue; how many come first.
pub(crate) async fn enqueue(
    conn: &Conn,
    key: &ThreadKey,
    new: &NewRun,
    entry: &Entry,
) -> Sql<usize> {
    let place = seize_or_create(conn, key, entry.now_ms).await?;
    let live = Live::of(conn, &place).await?;
    let active = live.is_held();
    let ahead = live.ahead(new.id, entry.now_ms) + usize::from(active);
    if live.find(new.id).is_some() {
        return Ok(ahead);
    }
    if is_known(conn, &place, new.id).await? {
        return Err(fault(
            StoreErrorKind::Exists,
            format!("run {} of {key} began before: take another id", new.id),
        ));
    }
    if new.policy == Multitask::Reject && (active || live.waiting.iter().any(|one| one.alive)) {
        return Err(fault(
            StoreErrorKind::Busy,
            format!("a run is active on {key} or waits there: wait for its end or stop it"),
        ));
    }
    live.make_room(entry.waiting_runs)?;
    let row = conn
        .row(
            "UPDATE our.threads SET run = run + 1, updated_ms = greatest(updated_ms, $3)
             WHERE user_id = $1 AND thread = $2 RETURNING run",
            &[&place.user(), &place.thread, &entry.now_ms],
        )
        .await?;
    let number = row.ok_or_else(|| damaged("a thread went away while it was locked"))?;
    let held = queue::Held {
        owner: entry.owner,
        now_ms: entry.now_ms,
        starts_ms: entry.starts_ms,
    };
    conn.send(&[queue::push(&place, number.at(0)?, new, &held)])
        .await?;
    Ok(ahead)
}

/// Locks a thread, which is created when it is new.
async fn seize_or_create(conn: &Conn, key: &ThreadKey, now_ms: i64) -> Sql<Place> {
    if let Some(place) = place::seize(conn, key).await? {
        return Ok(place);
    }
    match place::create(conn, key, now_ms).await? {
        Some(place) => Ok(place),
        // Another process was quicker.
        None => place::seize(conn, key)
            .await?
            .ok_or_else(|| damaged("a thread is there and is not")),
    }
}

async fn is_known(conn: &Conn, place: &Place, id: RunId) -> Sql<bool> {
    let rows = conn
        .query(
            "SELECT id FROM our.runs WHERE user_id = $1 AND thread = $2 ORDER BY run DESC LIMIT $3",
            &[&place.user(), &place.thread, &LOOKED_THROUGH],
        )
        .await?;
    for row in &rows {
        if row.run(0)? == id {
            return Ok(true);
        }
    }
    Ok(false)
}
