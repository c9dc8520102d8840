//! Rows of runs.

use everthread_graph::contract::{
    CheckpointId, Json, Multitask, NewRun, RunId, StoreErrorKind, ThreadKey,
};
use everthread_store::{Run, RunQuery, RunStatus};
use tokio_postgres::Row;

use crate::conn::{Conn, Statement};
use crate::error::{Fault, Sql, damaged, fault};
use crate::param::{Columns, Text, rows};
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
pub(crate) fn policy_column(policy: Multitask) -> Option<Text<'static>> {
    (policy != Multitask::Enqueue).then(|| Text::of(policy.as_str()))
}

/// What writes a run that holds its thread, or did. Its input is messages by now.
pub(crate) fn write(place: &Place, run: &ActiveRun) -> Statement {
    let active = run.status == RunStatus::Running;
    let asked = run.asked.as_ref();
    Statement::new(
        "INSERT INTO our.runs (user_id, thread, run, id, graph, status, queue, fence, owner, base, created_ms, ended_ms,
           error, policy, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT (user_id, thread, run) DO UPDATE SET status = excluded.status, queue = excluded.queue,
           fence = excluded.fence, owner = excluded.owner, base = excluded.base, input = NULL,
           ended_ms = excluded.ended_ms, error = excluded.error",
    )
    .with(place.owned_user())
    .with(place.thread)
    .with(run.run)
    .with(run.id.uuid())
    .with(Text::owned(&*run.graph))
    .with(Text::of(run.status.as_str()))
    .with(active.then_some(0_i64))
    .with(run.fence)
    .with(active.then_some(run.owner))
    .with(run.base.map(CheckpointId::uuid))
    .with(run.created_ms)
    .with(run.ended_ms)
    .with(run.error.clone().map(Text::owned))
    .with(asked.and_then(|asked| policy_column(asked.policy)))
    .with(asked.and_then(|asked| asked.details.as_ref().map(Text::json)))
}

/// What of a run is told, in the order in which [`from_row`] takes it.
pub(crate) const COLUMNS: &str = "r.id, r.graph, r.status, r.input, r.base, r.created_ms, r.ended_ms, r.error, r.policy, r.starts_ms, r.details";

/// One run of a thread; `None` when it has none of this id.
pub(crate) async fn get(conn: &Conn, key: &ThreadKey, id: RunId) -> Sql<Option<Run>> {
    let row = conn
        .row(
            format!(
                "SELECT {COLUMNS} FROM our.threads t JOIN our.runs r ON r.user_id = t.user_id AND r.thread = t.thread
                 WHERE t.user_id = $1 AND t.id = $2 AND r.id = $3 ORDER BY r.run DESC LIMIT 1"
            ),
            &[
                &Text::of(key.user.as_str()),
                &Text::of(key.thread.as_str()),
                &id.uuid(),
            ],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// One run of a thread, by its number.
pub(crate) async fn numbered(conn: &Conn, place: &Place, run: i64) -> Sql<Option<Run>> {
    let row = conn
        .row(
            format!(
                "SELECT {COLUMNS} FROM our.runs r WHERE r.user_id = $1 AND r.thread = $2 AND r.run = $3"
            ),
            &[&place.user(), &place.thread, &run],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
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
    pub(crate) base: Option<CheckpointId>,
}

/// One run of a thread, by its id.
pub(crate) async fn known(conn: &Conn, place: &Place, id: RunId) -> Sql<Option<Known>> {
    let row = conn
        .row(
            "SELECT run, status, fence, base FROM our.runs WHERE user_id = $1 AND thread = $2 AND id = $3
             ORDER BY run DESC LIMIT 1",
            &[&place.user(), &place.thread, &id.uuid()],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Known {
        run: row.at(0)?,
        status: status_of(&row.text(1)?)?,
        fence: row.at(2)?,
        base: row.checkpoint_or_none(3)?,
    }))
}

/// The error of a run that is not there.
pub(crate) fn missing(key: &ThreadKey, id: RunId) -> Fault {
    fault(
        StoreErrorKind::NotFound,
        format!("run {id} of {key} is not there"),
    )
}

/// Runs of a thread, newest first.
pub(crate) async fn list(conn: &Conn, key: &ThreadKey, query: &RunQuery) -> Sql<Vec<Run>> {
    let statuses: Vec<Text<'_>> = query
        .statuses
        .iter()
        .map(|status| Text::of(status.as_str()))
        .collect();
    let found = conn
        .query(
            format!(
                "SELECT {COLUMNS} FROM our.threads t JOIN our.runs r ON r.user_id = t.user_id AND r.thread = t.thread
                 WHERE t.user_id = $1 AND t.id = $2 AND (cardinality($3) = 0 OR r.status = ANY($3))
                 ORDER BY r.run DESC LIMIT $4 OFFSET $5"
            ),
            &[
                &Text::of(key.user.as_str()),
                &Text::of(key.thread.as_str()),
                &statuses,
                &rows(query.limit),
                &rows(query.offset),
            ],
        )
        .await?;
    found.iter().map(from_row).collect()
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

/// A run, from its [`COLUMNS`].
pub(crate) fn from_row(row: &Row) -> Sql<Run> {
    let policy = match row.text_or_none(8)? {
        Some(name) => {
            Multitask::from_name(&name).ok_or_else(|| damaged("a run has an unknown policy"))?
        }
        None => Multitask::Enqueue,
    };
    Ok(Run {
        id: row.run(0)?,
        graph: row.text(1)?,
        status: status_of(&row.text(2)?)?,
        input: row.json_or_none(3)?,
        base: row.checkpoint_or_none(4)?,
        created_ms: row.at(5)?,
        ended_ms: row.at(6)?,
        error: row.text_or_none(7)?,
        policy,
        starts_ms: row.at(9)?,
        details: row.json_or_none(10)?,
    })
}
