//! Rows of runs.

use everthread_graph::contract::{Json, Multitask, NewRun, RunId, StoreErrorKind, ThreadKey};
use everthread_store::{Run, RunQuery, RunStatus};
use rusqlite::{Connection, Row};

use crate::error::{Fault, Sql, fault};
use crate::sql::change;
use crate::sql::event;
use crate::sql::ids::{checkpoint_bytes, checkpoint_id, run_id};
use crate::sql::place::Place;
use crate::sql::state::ActiveRun;

/// What is kept with a run for whoever asked for it. It is written with the row and never changed.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    policy: Multitask,
    details: Option<Json>,
}

impl Asked {
    /// What a new run was asked for with.
    pub(crate) fn of(new: &NewRun) -> Self {
        Self {
            policy: new.policy,
            details: new.details.clone(),
        }
    }
}

/// A policy as a column.
pub(crate) fn policy_column(policy: Multitask) -> Option<&'static str> {
    (policy != Multitask::Enqueue).then(|| policy.as_str())
}

/// Writes a run that holds its thread, or did. Its input is messages by now.
pub(crate) fn write(tx: &Connection, place: Place, run: &ActiveRun) -> Sql<()> {
    let queue = (run.status == RunStatus::Running).then_some(0);
    let asked = run.asked.as_ref();
    tx.prepare_cached(
        "INSERT INTO runs (user, thread, run, id, graph, status, queue, fence, owner, base, created_ms, ended_ms, error,
           policy, details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
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
        asked.and_then(|asked| policy_column(asked.policy)),
        asked.and_then(|asked| asked.details.as_ref().map(Json::as_str)),
    ))?;
    Ok(())
}

const COLUMNS: &str =
    "id, graph, status, input, base, created_ms, ended_ms, error, policy, starts_ms, details";

/// One run of a thread; `None` when it has none of this id.
pub(crate) fn get(tx: &Connection, place: Place, id: RunId) -> Sql<Option<Run>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM runs WHERE user = ?1 AND thread = ?2 AND id = ?3 ORDER BY run DESC LIMIT 1"
    ))?;
    let mut rows = statement.query((place.user, place.thread, id.uuid().into_bytes()))?;
    rows.next()?.map(from_row).transpose()
}

/// One run of a thread, by its number.
pub(crate) fn numbered(tx: &Connection, place: Place, run: i64) -> Sql<Option<Run>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM runs WHERE user = ?1 AND thread = ?2 AND run = ?3"
    ))?;
    let mut rows = statement.query((place.user, place.thread, run))?;
    rows.next()?.map(from_row).transpose()
}

/// What a run is to those who remove it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Its number in the thread.
    pub(crate) run: i64,
    /// How it stands.
    pub(crate) status: RunStatus,
    /// Its fence; `None` when it never began.
    pub(crate) fence: Option<i64>,
    /// The head before it began.
    pub(crate) base: Option<[u8; 16]>,
}

/// One run of a thread, by its id.
pub(crate) fn known(tx: &Connection, place: Place, id: RunId) -> Sql<Option<Known>> {
    let mut statement = tx.prepare_cached(
        "SELECT run, status, fence, base FROM runs WHERE user = ?1 AND thread = ?2 AND id = ?3
         ORDER BY run DESC LIMIT 1",
    )?;
    let mut rows = statement.query((place.user, place.thread, id.uuid().into_bytes()))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Known {
        run: row.get(0)?,
        status: status_of(&row.get::<_, String>(1)?)?,
        fence: row.get(2)?,
        base: row.get(3)?,
    }))
}

/// The error of a run that is not there.
pub(crate) fn missing(key: &ThreadKey, id: RunId) -> Fault {
    fault(
        StoreErrorKind::NotFound,
        format!("run {id} of {key} is not there"),
    )
}

/// Deletes a run's row and its events.
pub(crate) fn delete(tx: &Connection, place: Place, run: i64, id: RunId) -> Sql<()> {
    tx.prepare_cached("DELETE FROM runs WHERE user = ?1 AND thread = ?2 AND run = ?3")?
        .execute((place.user, place.thread, run))?;
    event::forget(tx, place, id)
}

/// Runs of a thread, newest first.
pub(crate) fn list(tx: &Connection, place: Place, query: &RunQuery) -> Sql<Vec<Run>> {
    // Names of statuses are letters and underscores: none is within another between its commas.
    let statuses = query.statuses.iter().fold(String::new(), |all, status| {
        format!("{all},{},", status.as_str())
    });
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM runs
         WHERE user = ?1 AND thread = ?2 AND (?3 = '' OR instr(?3, ',' || status || ',') > 0)
         ORDER BY run DESC LIMIT ?4 OFFSET ?5"
    ))?;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
    let mut rows = statement.query((place.user, place.thread, statuses, limit, offset))?;
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

/// The status of this name.
pub(crate) fn status_of(name: &str) -> Sql<RunStatus> {
    RunStatus::from_name(name).ok_or_else(|| {
        fault(
            StoreErrorKind::Corrupt,
            format!("a run has the unknown status {name:?}: run `storage check`"),
        )
    })
}

fn from_row(row: &Row<'_>) -> Sql<Run> {
    let status: String = row.get(2)?;
    let policy = match row.get::<_, Option<String>>(8)? {
        Some(name) => Multitask::from_name(&name)
            .ok_or_else(|| change::damaged("a run has an unknown policy"))?,
        None => Multitask::Enqueue,
    };
    let json = |column: usize| -> Sql<Option<Json>> {
        Ok(row
            .get::<_, Option<String>>(column)?
            .as_deref()
            .map(Json::trusted))
    };
    Ok(Run {
        id: run_id(row.get(0)?),
        graph: row.get(1)?,
        status: status_of(&status)?,
        input: json(3)?,
        base: row.get::<_, Option<[u8; 16]>>(4)?.map(checkpoint_id),
        created_ms: row.get(5)?,
        ended_ms: row.get(6)?,
        error: row.get(7)?,
        policy,
        details: json(10)?,
        starts_ms: row.get(9)?,
    })
}
