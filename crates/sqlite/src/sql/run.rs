//! Rows of runs.

use everthread_graph::contract::{Json, StoreErrorKind};
use everthread_store::{Run, RunQuery, RunStatus};
use rusqlite::{Connection, Row};

use crate::error::{Sql, fault};
use crate::sql::ids::{checkpoint_bytes, checkpoint_id, run_id};
use crate::sql::place::Place;
use crate::sql::state::ActiveRun;

/// Writes a run that holds its thread, or did. Its input is messages by now.
pub(crate) fn write(tx: &Connection, place: Place, run: &ActiveRun) -> Sql<()> {
    let queue = (run.status == RunStatus::Running).then_some(0);
    tx.prepare_cached(
        "INSERT INTO runs (user, thread, run, id, graph, status, queue, fence, owner, base, created_ms, ended_ms, error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (user, thread, run) DO UPDATE SET status = ?6, queue = ?7, fence = ?8, owner = ?9, base = ?10,
           input = NULL, ended_ms = ?12, error = ?13",
    )?
    .execute((
        place.user,
        place.thread,
        run.run,
        run.id.uuid().into_bytes(),
        &*run.graph,
        run.status.as_str(),
        queue,
        run.fence,
        queue.map(|_| &*run.owner),
        run.base.map(checkpoint_bytes),
        run.created_ms,
        run.ended_ms,
        run.error.as_deref(),
    ))?;
    Ok(())
}

const COLUMNS: &str = "id, graph, status, input, base, created_ms, ended_ms, error";

/// Runs of a thread, newest first.
pub(crate) fn list(tx: &Connection, place: Place, query: &RunQuery) -> Sql<Vec<Run>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM runs WHERE user = ?1 AND thread = ?2 AND (?3 IS NULL OR status = ?3)
         ORDER BY run DESC LIMIT ?4"
    ))?;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let status = query.status.map(RunStatus::as_str);
    let mut rows = statement.query((place.user, place.thread, status, limit))?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(from_row(row)?);
    }
    Ok(runs)
}

/// Runs that wait and that this owner holds, oldest first.
pub(crate) fn waiting_of(tx: &Connection, place: Place, owner: &str) -> Sql<Vec<Run>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM runs
         WHERE user = ?1 AND thread = ?2 AND queue IS NOT NULL AND queue > 0 AND owner = ?3 ORDER BY queue"
    ))?;
    let mut rows = statement.query((place.user, place.thread, owner))?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(from_row(row)?);
    }
    Ok(runs)
}

fn from_row(row: &Row<'_>) -> Sql<Run> {
    let status: String = row.get(2)?;
    let status = RunStatus::from_name(&status).ok_or_else(|| {
        fault(
            StoreErrorKind::Corrupt,
            format!("a run has the unknown status {status:?}: run `storage check`"),
        )
    })?;
    Ok(Run {
        id: run_id(row.get(0)?),
        graph: row.get(1)?,
        status,
        input: row
            .get::<_, Option<String>>(3)?
            .as_deref()
            .map(Json::trusted),
        base: row.get::<_, Option<[u8; 16]>>(4)?.map(checkpoint_id),
        created_ms: row.get(5)?,
        ended_ms: row.get(6)?,
        error: row.get(7)?,
    })
}
