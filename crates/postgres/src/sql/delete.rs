//! Deleting a thread with everything of it, or one run that ended.

use everthread_graph::contract::{RunId, StoreErrorKind, ThreadKey};
use everthread_store::{Deleted, RunStatus};

use crate::conn::{Conn, Statement};
use crate::error::{Sql, fault};
use crate::param::{Columns, Text};
use crate::sql::place::{self, Place};
use crate::sql::{event, hold, run, thread};

/// The number of the conversation among the list channels.
pub(crate) const CONVERSATION: i64 = 1;

/// The tables whose rows lead with the user and the thread, the thread's own row last.
pub(crate) const ROWS_OF_THREADS: &[&str] = &[
    "pending_writes",
    "run_events",
    "search",
    "derived",
    "checkpoints",
    "channel_changes",
    "messages",
    "runs",
    "heads",
    "branches",
    "threads",
];

/// Deletes a thread: its rows, and its words in the search index.
pub(crate) async fn thread(conn: &Conn, key: &ThreadKey) -> Sql<Deleted> {
    let place = idle_thread(conn, key).await?;
    rows_of(conn, &place).await
}

/// Deletes all rows of a thread that is locked.
pub(crate) async fn rows_of(conn: &Conn, place: &Place) -> Sql<Deleted> {
    let counts = Statement::new(
        "SELECT (SELECT count(*) FROM our.messages WHERE user_id = $1 AND thread = $2 AND channel = $3),
                (SELECT count(*) FROM our.checkpoints WHERE user_id = $1 AND thread = $2),
                (SELECT count(*) FROM our.runs WHERE user_id = $1 AND thread = $2)",
    );
    let counts = of(counts, place).with(CONVERSATION);
    let sessions = Statement::new(
        "UPDATE our.sessions SET thread = NULL WHERE user_id = $1
           AND thread = (SELECT id FROM our.threads WHERE user_id = $1 AND thread = $2)",
    );
    let mut statements = vec![counts, of(sessions, place)];
    statements.extend(ROWS_OF_THREADS.iter().map(|table| {
        let gone = Statement::new(format!(
            "DELETE FROM our.{table} WHERE user_id = $1 AND thread = $2"
        ));
        of(gone, place)
    }));
    let answers = conn.send(&statements).await?;
    let Some(row) = answers.first().and_then(|answer| answer.rows.first()) else {
        return Ok(Deleted::default());
    };
    Ok(Deleted {
        messages: row.count(0)?,
        checkpoints: row.count(1)?,
        runs: row.count(2)?,
    })
}

fn of(statement: Statement, place: &Place) -> Statement {
    statement.with(place.owned_user()).with(place.thread)
}

/// Deletes a run that has ended.
pub(crate) async fn run(conn: &Conn, key: &ThreadKey, id: RunId) -> Sql<()> {
    let place = place::seize(conn, key)
        .await?
        .ok_or_else(|| thread::missing(key))?;
    let row = conn
        .row(
            "SELECT run, status FROM our.runs WHERE user_id = $1 AND thread = $2 AND id = $3
             ORDER BY run DESC LIMIT 1",
            &[&place.user(), &place.thread, &id.uuid()],
        )
        .await?
        .ok_or_else(|| run::missing(key, id))?;
    hold::refuse(conn, &key.user).await?;
    let number: i64 = row.at(0)?;
    let status = run::status_of(&row.text(1)?)?;
    if matches!(status, RunStatus::Running | RunStatus::Pending) {
        return Err(fault(
            StoreErrorKind::Busy,
            format!("run {id} has not ended: stop it first"),
        ));
    }
    let turns = i64::from(status == RunStatus::Success);
    conn.send(&[
        of(
            Statement::new("DELETE FROM our.runs WHERE user_id = $1 AND thread = $2 AND run = $3"),
            &place,
        )
        .with(number),
        of(
            Statement::new(
                "UPDATE our.threads SET turns = greatest(turns - $3, 0) WHERE user_id = $1 AND thread = $2",
            ),
            &place,
        )
        .with(turns),
        event::forget(&place, id),
    ])
    .await?;
    Ok(())
}

/// Locks a thread of which something may be removed: no run is active on it, and its user is not under hold.
pub(crate) async fn idle_thread(conn: &Conn, key: &ThreadKey) -> Sql<Place> {
    let place = place::seize(conn, key)
        .await?
        .ok_or_else(|| thread::missing(key))?;
    hold::refuse(conn, &key.user).await?;
    refuse_busy(conn, key).await?;
    Ok(place)
}

/// Refuses a thread on which a run is active.
pub(crate) async fn refuse_busy(conn: &Conn, key: &ThreadKey) -> Sql<()> {
    let busy = conn
        .row(
            "SELECT 1 FROM our.threads t
               JOIN our.runs r ON r.user_id = t.user_id AND r.thread = t.thread AND r.queue IS NOT NULL AND r.queue = 0
               JOIN our.leases l ON l.owner = r.owner
             WHERE t.user_id = $1 AND t.id = $2 AND l.until > now()",
            &[&Text::of(key.user.as_str()), &Text::of(key.thread.as_str())],
        )
        .await?;
    match busy {
        Some(_) => Err(fault(
            StoreErrorKind::Busy,
            format!("a run is active on {key}: wait for its end or stop it"),
        )),
        None => Ok(()),
    }
}
