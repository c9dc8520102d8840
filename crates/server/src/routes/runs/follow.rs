//! Joining runs: `GET …/runs/{run_id}/join`, `GET …/runs/{run_id}/stream` and `GET /threads/{thread_id}/stream`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::RunStatus;
use serde_json::json;

use super::begin::{body, locate, place};
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, Path};
use crate::runs::{Kept, Remote, goes_on};
use crate::sse::{self, Follow, Leave, Place, follow_thread};
use crate::wire::insert_field;

pub(super) async fn join(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Response, ApiError> {
    let key = caller.key(path.thread()?);
    join_run(&app, key, path.run()?, &params).await
}

pub(super) async fn stream(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let key = caller.key(path.thread()?);
    stream_run(&app, key, path.run()?, &params, &headers).await
}

pub(super) async fn thread(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let key = caller.key(path.thread()?);
    app.thread(&key).await?;
    for mode in params.all("stream_mode") {
        if !["run_modes", "lifecycle", "state_update"].contains(&mode) {
            return Err(ApiError::invalid(format!(
                "stream_mode: {mode:?} is none of run_modes, lifecycle, state_update"
            )));
        }
    }
    let after = last_event(&headers)?.map(Place::parse).transpose()?;
    let every = app.settings.heartbeat;
    let bytes = follow_thread(app.runs.clone(), key, after, every).await?;
    Ok(sse::answer(bytes, &app.front.metrics))
}

fn last_event(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let id = headers.get("last-event-id").map(|id| id.to_str());
    let id = id.transpose();
    let id = id.map_err(|_| ApiError::invalid("Last-Event-ID: it is no text"))?;
    Ok(id.filter(|id| !id.is_empty()))
}

/// Where a client goes on: `None` when it does not say, otherwise after this event, or with the first one.
fn resume_at(headers: &HeaderMap) -> Result<Option<Option<u64>>, ApiError> {
    let Some(id) = last_event(headers)? else {
        return Ok(None);
    };
    if id == "-1" {
        return Ok(Some(None));
    }
    let seen = id.parse();
    let seen =
        seen.map_err(|_| ApiError::invalid(format!("Last-Event-ID: {id:?} is no event of a run")))?;
    Ok(Some(Some(seen)))
}

fn no_run() -> ApiError {
    ApiError::new(axum::http::StatusCode::NOT_FOUND, "not_found", "Not Found")
}

/// The events of a run: from now on, or after the last one that the client saw where they are kept.
pub(super) async fn stream_run(
    app: &App,
    key: ThreadKey,
    run: RunId,
    params: &Params,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let cancel = params.is_set("cancel_on_disconnect")?;
    let seen = resume_at(headers)?;
    let modes: Vec<String> = params.all("stream_mode").map(str::to_owned).collect();
    let every = app.settings.heartbeat;
    let (hub, location) = (&app.runs, place(&key, run));
    let follow = if let Some(live) = app.runs.get(&key, run) {
        let from = seen
            .filter(|_| live.log.is_resumable())
            .map(|seen| seen.map_or(0, |seen| seen.saturating_add(1)));
        let leave = Leave::new(&live, cancel);
        Follow::live(hub, &live, live.log.reader(from), every).leave(leave)
    } else {
        let row = app.store.run(&key, run).await?.ok_or_else(no_run)?;
        let resumable = Kept::read(row.details.as_ref()).is_some_and(|kept| kept.resumable);
        let leave = Leave::elsewhere(hub, &key, run, cancel && goes_on(&row));
        let follow = if resumable && seen.is_some() {
            let remote = Remote::resumable(hub, key.clone(), run, seen.flatten());
            Follow::remote(hub, key, remote, every)
        } else if goes_on(&row) {
            // What came before was not kept, or is not asked for.
            let remote = Remote::from_now(hub, key.clone(), run, resumable).await?;
            Follow::remote(hub, key, remote, every)
        } else {
            Follow::nothing(hub, key, run, every)
        };
        follow.leave(leave)
    };
    let mut response = sse::answer(follow.modes(modes).bytes(), &app.front.metrics);
    locate(&mut response, &location, Some("stream"));
    Ok(response)
}

/// What a run came to, when it has.
pub(super) async fn join_run(
    app: &App,
    key: ThreadKey,
    run: RunId,
    params: &Params,
) -> Result<Response, ApiError> {
    let cancel = params.is_set("cancel_on_disconnect")?;
    let every = app.settings.heartbeat;
    let location = place(&key, run);
    let mut response = if let Some(live) = app.runs.get(&key, run) {
        let leave = Leave::new(&live, cancel);
        sse::wait(live, leave, every, body).await
    } else {
        app.store.run(&key, run).await?.ok_or_else(no_run)?;
        let (again, read) = (app.clone(), key.clone());
        let body = move || async move { came_to(&again, &read, run).await };
        let leave = Leave::elsewhere(&app.runs, &key, run, cancel);
        sse::wait_elsewhere(app.store.clone(), key, run, leave, every, body)
    };
    locate(&mut response, &location, Some("join"));
    Ok(response)
}

/// What a run that is not driven here came to: its error, or the thread's state.
async fn came_to(app: &App, key: &ThreadKey, run: RunId) -> String {
    match read_end(app, key, run).await {
        Ok(text) => text,
        Err(error) => {
            json!({"__error__": {"error": error.code(), "message": error.detail()}}).to_string()
        }
    }
}

async fn read_end(app: &App, key: &ThreadKey, run: RunId) -> Result<String, ApiError> {
    let row = app.store.run(key, run).await?.ok_or_else(no_run)?;
    if matches!(row.status, RunStatus::Error | RunStatus::Orphaned) {
        let message = row
            .error
            .unwrap_or_else(|| "the run did not come to its end".to_owned());
        return Ok(json!({"__error__": {"error": "RunError", "message": message}}).to_string());
    }
    let thread = app.thread(key).await?;
    let Some(state) = app.state_of(key, &thread).await? else {
        return Ok("{}".to_owned());
    };
    if state.interrupts.is_empty() {
        return Ok(state.values.as_str().to_owned());
    }
    let asked = crate::runs::interrupts(&state.interrupts);
    Ok(insert_field(state.values.as_str(), "__interrupt__", &asked))
}
