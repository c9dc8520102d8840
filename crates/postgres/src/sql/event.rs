//! What runs told those who follow them: a batch in a row.

use everthread_graph::contract::{RunId, StoreErrorKind, ThreadKey};
use everthread_store::{RunEvent, batch_events, batch_text};

use crate::conn::{Conn, Statement};
use crate::error::{Fault, Sql, damaged, fault};
use crate::param::{Columns, Text, number, rows};
use crate::sql::place::{self, Place};
use crate::sql::thread;

/// Rows that are deleted in one transaction.
const ROWS_AT_ONCE: usize = 500;

/// Rows that are read at once.
const ROWS_READ: usize = 64;

/// Adds a batch.
pub(crate) async fn append(
    conn: &Conn,
    key: &ThreadKey,
    id: RunId,
    events: &[RunEvent],
    now_ms: i64,
) -> Sql<()> {
    // The thread is not deleted meanwhile; turns on it go on.
    let row = conn
        .row(
            "SELECT t.thread, (SELECT e.last FROM our.run_events e
               WHERE e.user_id = t.user_id AND e.thread = t.thread AND e.run = $3 ORDER BY e.seq DESC LIMIT 1)
             FROM our.threads t WHERE t.user_id = $1 AND t.id = $2 FOR KEY SHARE OF t",
            &[
                &Text::of(key.user.as_str()),
                &Text::of(key.thread.as_str()),
                &id.uuid(),
            ],
        )
        .await?
        .ok_or_else(|| thread::missing(key))?;
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Ok(());
    };
    let (at, kept): (i64, Option<i64>) = (row.at(0)?, row.at(1)?);
    let ascend = events.is_sorted_by(|a, b| a.seq < b.seq);
    if !ascend || kept.is_some_and(|kept| kept >= number(first.seq)) {
        return Err(unordered(id));
    }
    let written = conn
        .execute(
            "INSERT INTO our.run_events (user_id, thread, run, seq, last, count, at_ms, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &Text::of(key.user.as_str()),
                &at,
                &id.uuid(),
                &number(first.seq),
                &number(last.seq),
                &rows(events.len()),
                &now_ms,
                &Text::owned(batch_text(events)),
            ],
        )
        .await;
    match written {
        // Another one wrote it at this moment.
        Err(taken) if taken.is_taken() => Err(unordered(id)),
        written => written.map(drop),
    }
}

fn unordered(id: RunId) -> Fault {
    fault(
        StoreErrorKind::Invalid,
        format!("the events of run {id} do not ascend"),
    )
}

/// Events after a number, in order.
pub(crate) async fn list(
    conn: &Conn,
    key: &ThreadKey,
    run: RunId,
    after: Option<u64>,
    limit: usize,
) -> Sql<Vec<RunEvent>> {
    let mut events = Vec::new();
    let Some(place) = place::thread(conn, key).await? else {
        return Ok(events);
    };
    let mut from = after.map_or(-1, number);
    while events.len() < limit {
        let batches = conn
            .query(
                "SELECT last, body FROM our.run_events
                 WHERE user_id = $1 AND thread = $2 AND run = $3 AND last > $4 ORDER BY seq LIMIT $5",
                &[
                    &place.user(),
                    &place.thread,
                    &run.uuid(),
                    &from,
                    &rows(ROWS_READ),
                ],
            )
            .await?;
        for row in &batches {
            from = row.at(0)?;
            let batch = batch_events(&row.text(1)?)
                .ok_or_else(|| damaged("events of a run cannot be read"))?;
            let wanted = batch
                .into_iter()
                .filter(|event| after.is_none_or(|after| event.seq > after));
            events.extend(wanted.take(limit - events.len()));
        }
        if batches.len() < ROWS_READ {
            break;
        }
    }
    Ok(events)
}

/// What forgets all that a run told.
pub(crate) fn forget(place: &Place, run: RunId) -> Statement {
    Statement::new("DELETE FROM our.run_events WHERE user_id = $1 AND thread = $2 AND run = $3")
        .with(place.owned_user())
        .with(place.thread)
        .with(run.uuid())
}

/// Deletes some of what was told before this time by runs that are not live, of users who are not under hold; how many
/// events went, and whether there may be more.
pub(crate) async fn delete_before(conn: &Conn, ms: i64) -> Sql<(u64, bool)> {
    let deleted = conn
        .query(
            "DELETE FROM our.run_events WHERE (user_id, thread, run, seq) IN (
               SELECT e.user_id, e.thread, e.run, e.seq FROM our.run_events e
               WHERE e.at_ms < $1
                 AND NOT EXISTS (SELECT 1 FROM our.users u WHERE u.user_id = e.user_id AND u.held)
                 AND NOT EXISTS (
                 SELECT 1 FROM our.runs r
                 WHERE r.user_id = e.user_id AND r.thread = e.thread AND r.queue IS NOT NULL AND r.id = e.run)
               ORDER BY e.at_ms LIMIT $2)
             RETURNING count",
            &[&ms, &rows(ROWS_AT_ONCE)],
        )
        .await?;
    let more = deleted.len() == ROWS_AT_ONCE;
    let mut events = 0;
    for row in &deleted {
        events += row.count(0)?;
    }
    Ok((events, more))
}
