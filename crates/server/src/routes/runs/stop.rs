//! `POST …/runs/{run_id}/cancel` and `POST /runs/cancel`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::{FindThreads, ThreadStatus};

use super::begin::{locate, place};
use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, Path, run_id, thread_id};
use crate::runs::{Stop, Stopped};
use crate::sse::{self, Leave};
use crate::wire::RunsCancel;

/// Threads that are read at a time.
const PAGE: usize = 500;

fn none_matched() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "No matching runs to cancel. Please verify the thread ID and run IDs are correct, and the runs haven't been deleted or completed.",
    )
}

fn action(params: &Params) -> Result<Stop, ApiError> {
    let name = params.get("action").unwrap_or("interrupt");
    Stop::from_name(name).ok_or_else(|| {
        ApiError::invalid(format!(
            "action must be interrupt or rollback, not {name:?}"
        ))
    })
}

pub(super) async fn one(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Response, ApiError> {
    let (key, id) = (caller.key(path.thread()?), path.run()?);
    let (stop, wait) = (action(&params)?, params.is_set("wait")?);
    let stopped = app.runs.stop_run(&key, id, stop).await?;
    if matches!(stopped, Stopped::Absent) {
        return Err(none_matched());
    }
    if !wait {
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    let every = app.settings.heartbeat;
    let mut response = match stopped {
        Stopped::Here(live) => {
            let leave = Leave::new(&live, false);
            sse::wait(live, leave, every, |_| "{}".to_owned()).await
        }
        _ => {
            let (store, key) = (app.store.clone(), key.clone());
            let leave = Leave::elsewhere(&app.runs, &key, id, false);
            sse::wait_elsewhere(store, key, id, leave, every, || async { "{}".to_owned() })
        }
    };
    locate(&mut response, &place(&key, id), Some("join"));
    Ok(response)
}

pub(super) async fn many(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body<RunsCancel>,
) -> Result<StatusCode, ApiError> {
    let stop = action(&params)?;
    let which = which(&app, &caller, body).await?;
    let mut matched = false;
    for (key, id) in which {
        let stopped = app.runs.stop_run(&key, id, stop).await?;
        matched |= !matches!(stopped, Stopped::Absent);
        if let (Stopped::Here(live), Stop::Rollback) = (stopped, stop) {
            // One after another: each goes back to where it began.
            live.wait().await;
        }
    }
    if matched {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(none_matched())
    }
}

/// The runs that are meant, the newest first.
async fn which(
    app: &App,
    caller: &Caller,
    body: RunsCancel,
) -> Result<Vec<(ThreadKey, RunId)>, ApiError> {
    if let (Some(thread), Some(ids)) = (&body.thread_id, &body.run_ids) {
        let key = caller.key(thread_id(thread)?);
        let named = ids.iter().map(|id| Ok((key.clone(), run_id(id)?)));
        let mut named: Vec<_> = named.collect::<Result<_, ApiError>>()?;
        named.sort_by_key(|(_, id)| std::cmp::Reverse(*id));
        return Ok(named);
    }
    let wanted = match body.status.as_deref() {
        Some(status @ ("pending" | "running" | "all")) => status,
        None if body.thread_id.is_some() => "all",
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "status must be pending, running or all, not {other:?}"
            )));
        }
        None => {
            return Err(ApiError::invalid(
                "say which runs: thread_id with run_ids, or status",
            ));
        }
    };
    let mut keys: Vec<ThreadKey> = match &body.thread_id {
        Some(thread) => vec![caller.key(thread_id(thread)?)],
        None => busy_threads(app, caller).await?,
    };
    keys.sort();
    keys.dedup();
    let mut all = Vec::new();
    for key in keys {
        for run in app.runs.alive(&key).await? {
            if wanted == "all" || run.status.as_str() == wanted {
                all.push((key.clone(), run.id));
            }
        }
    }
    Ok(all)
}

/// The threads of a user on which a run is on its way or waits, wherever it is driven.
async fn busy_threads(app: &App, caller: &Caller) -> Result<Vec<ThreadKey>, ApiError> {
    let mut keys = Vec::new();
    loop {
        let query = FindThreads {
            status: Some(ThreadStatus::Busy),
            archived: true,
            offset: keys.len(),
            limit: PAGE,
            ..FindThreads::default()
        };
        let page = app.store.find_threads(&caller.user, query).await?;
        let found = page.threads.len();
        keys.extend(page.threads.into_iter().map(|thread| caller.key(thread.id)));
        if found < PAGE {
            return Ok(keys);
        }
    }
}
