//! What runs told those who follow them: a batch in a row.

use everthread_graph::contract::{RunId, StoreErrorKind, ThreadKey};
use everthread_store::{RunEvent, batch_events, batch_text};
use rusqlite::Connection;

use crate::error::{Sql, fault};
use crate::sql::place::{self, Place};
use crate::sql::{change, thread};

/// Rows that are deleted in one transaction.
const ROWS_AT_ONCE: u32 = 500;

/// Adds a batch.
pub(crate) fn append(
    tx: &Connection,
    key: &ThreadKey,
    id: RunId,
    events: &[RunEvent],
    now_ms: i64,
) -> Sql<()> {
    let place = place::thread(tx, key)?.ok_or_else(|| thread::missing(key))?;
    let Some(first) = events.first() else {
        return Ok(());
    };
    let run = id.uuid().into_bytes();
    let kept: Option<u64> = tx
        .prepare_cached(
            "SELECT max(last) FROM (SELECT last FROM run_events WHERE user = ?1 AND thread = ?2 AND run = ?3
             ORDER BY seq DESC LIMIT 1)",
        )?
        .query_row((place.user, place.thread, run), |row| row.get(0))?;
    let ascend = events.is_sorted_by(|a, b| a.seq < b.seq);
    if !ascend || kept.is_some_and(|kept| kept >= first.seq) {
        return Err(fault(
            StoreErrorKind::Invalid,
            format!("the events of run {id} do not ascend"),
        ));
    }
    keep(tx, place, id, events, now_ms)
}

/// Writes a batch of events, which ascend, as one row.
pub(crate) fn keep(
    tx: &Connection,
    place: Place,
    run: RunId,
    events: &[RunEvent],
    at_ms: i64,
) -> Sql<()> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Ok(());
    };
    tx.prepare_cached(
        "INSERT INTO run_events (user, thread, run, seq, last, count, at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        place.user,
        place.thread,
        run.uuid().into_bytes(),
        first.seq,
        last.seq,
        events.len(),
        at_ms,
        batch_text(events),
    ))?;
    Ok(())
}

/// Events after a number, in order.
pub(crate) fn list(
    tx: &Connection,
    key: &ThreadKey,
    run: RunId,
    after: Option<u64>,
    limit: usize,
) -> Sql<Vec<RunEvent>> {
    let Some(place) = place::thread(tx, key)? else {
        return Ok(Vec::new());
    };
    let mut statement = tx.prepare_cached(
        "SELECT body FROM run_events WHERE user = ?1 AND thread = ?2 AND run = ?3 AND last > ?4 ORDER BY seq",
    )?;
    let from = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
    let mut rows = statement.query((place.user, place.thread, run.uuid().into_bytes(), from))?;
    let mut events = Vec::new();
    while events.len() < limit
        && let Some(row) = rows.next()?
    {
        let body = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let batch =
            batch_events(body).ok_or_else(|| change::damaged("events of a run cannot be read"))?;
        let wanted = batch
            .into_iter()
            .filter(|event| after.is_none_or(|after| event.seq > after));
        events.extend(wanted.take(limit - events.len()));
    }
    Ok(events)
}

/// Forgets what a run told.
pub(crate) fn forget(tx: &Connection, place: Place, run: RunId) -> Sql<()> {
    tx.prepare_cached("DELETE FROM run_events WHERE user = ?1 AND thread = ?2 AND run = ?3")?
        .execute((place.user, place.thread, run.uuid().into_bytes()))?;
    Ok(())
}

/// Deletes some of what was told before this time by runs that are not live, of users who are not under hold; how many
/// events went, and whether there may be more.
pub(crate) fn delete_before(tx: &Connection, ms: i64) -> Sql<(u64, bool)> {
    let mut statement = tx.prepare_cached(
        "DELETE FROM run_events WHERE (user, thread, run, seq) IN (
           SELECT e.user, e.thread, e.run, e.seq FROM run_events e
           WHERE e.at_ms < ?1 AND e.user NOT IN (SELECT user FROM users WHERE held) AND NOT EXISTS (
             SELECT 1 FROM runs r INDEXED BY runs_live WHERE r.user = e.user AND r.thread = e.thread AND r.queue IS NOT NULL AND r.id = e.run)
           ORDER BY e.at_ms LIMIT ?2)
         RETURNING count",
    )?;
    let counts: Vec<u64> = statement
        .query_map((ms, ROWS_AT_ONCE), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let more = counts.len() as u64 == u64::from(ROWS_AT_ONCE);
    Ok((counts.iter().sum(), more))
}
