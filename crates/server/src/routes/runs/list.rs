//! `GET …/runs`, `GET` and `DELETE …/runs/{run_id}`.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use everthread_store::{RunQuery, RunStatus, StoreErrorKind};
use serde_json::Value;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, Path};
use crate::wire;

/// Runs that are given when nothing else is said.
const LIMIT: usize = 10;
/// Runs that are read at a time.
const PAGE: usize = 200;

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Json<Vec<Value>>, ApiError> {
    let key = caller.key(path.thread()?);
    app.thread(&key).await?;
    let (limit, offset) = params.page(LIMIT)?;
    let status = params.get("status");
    let statuses: &[RunStatus] = match status {
        None => &[],
        Some(name) => wire::stored_statuses(name)
            .ok_or_else(|| ApiError::invalid(format!("status: {name:?} is no status of a run")))?,
    };
    if status.is_some() && statuses.is_empty() {
        return Ok(Json(Vec::new()));
    }
    // A run that was gone on with has a row for each time; and statuses at rest are finer than those of the wire.
    let (mut seen, mut shown, mut at) = (HashSet::new(), Vec::new(), 0);
    loop {
        let query = RunQuery {
            statuses: statuses.to_vec(),
            offset: at,
            limit: PAGE,
        };
        let runs = app.store.runs(&key, query).await?;
        at += runs.len();
        let is_last = runs.len() < PAGE;
        for run in runs {
            let taken_back = run.status == RunStatus::RolledBack;
            if !taken_back
                && seen.insert(run.id)
                && status.is_none_or(|wanted| wire::run_status(&run) == wanted)
            {
                shown.push(run);
            }
        }
        if is_last || shown.len() >= offset + limit {
            break;
        }
    }
    let shown = shown.iter().skip(offset).take(limit).map(|run| {
        let run = wire::run(key.thread.as_str(), run);
        wire::select(run, params.all("select"))
    });
    Ok(Json(shown.collect()))
}

fn no_run() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "Not Found")
}

pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<Json<Value>, ApiError> {
    let key = caller.key(path.thread()?);
    let run = app.store.run(&key, path.run()?).await?;
    let run = run.filter(|run| run.status != RunStatus::RolledBack);
    let run = run.ok_or_else(no_run)?;
    Ok(Json(wire::run(key.thread.as_str(), &run)))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<StatusCode, ApiError> {
    let (key, id) = (caller.key(path.thread()?), path.run()?);
    let deleted = app.store.delete_run(&key, id).await;
    deleted.map_err(|error| match error.kind() {
        StoreErrorKind::NotFound => no_run(),
        StoreErrorKind::Busy => ApiError::conflict(
            "run_active",
            format!("run {id} is active or waits: cancel it first"),
        ),
        _ => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}
