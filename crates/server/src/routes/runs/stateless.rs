//! `/runs`: runs without a thread. Each has one of its own, named like the run, which goes when the run has ended
//! unless it is to stay.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use everthread_graph::contract::{RunId, ThreadId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::begin::{
    Begin, background_answer, pending, place, resolve, starts_ms, stream_answer, wait_answer,
};
use super::follow::{join_run, stream_run};
use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, Path, thread_id};
use crate::runs::{Target, order};
use crate::wire::{OnCompletion, RunCreate};

/// Most runs of one batch.
const MAX_BATCH: usize = 1_000;

/// The thread of a run without one.
fn own_thread(run: RunId) -> Result<ThreadId, ApiError> {
    thread_id(&run.to_string())
}

async fn begin(app: &App, caller: &Caller, asked: RunCreate) -> Result<Begin, ApiError> {
    let found = resolve(app, &asked.assistant_id).await?;
    let id = RunId::from_uuid(Uuid::now_v7());
    let temporary = asked.on_completion != Some(OnCompletion::Keep);
    let target = Target {
        key: caller.key(own_thread(id)?),
        temporary,
        name_thread: !temporary,
    };
    let starts_ms = starts_ms(asked.after_seconds)?;
    let mut order = order(&app.runs, asked, &found, target).await?;
    order.id = id;
    Ok(Begin {
        order,
        starts_ms,
        place: format!("/runs/{id}"),
    })
}

pub(super) async fn background(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<RunCreate>,
) -> Result<Response, ApiError> {
    let begin = begin(&app, &caller, asked).await?;
    background_answer(&app, begin).await
}

pub(super) async fn stream(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<RunCreate>,
) -> Result<Response, ApiError> {
    let begin = begin(&app, &caller, asked).await?;
    stream_answer(&app, begin).await
}

pub(super) async fn wait(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<RunCreate>,
) -> Result<Response, ApiError> {
    let mut begin = begin(&app, &caller, asked).await?;
    // The reference names the thread here, and only here.
    begin.place = place(&begin.order.key, begin.order.id);
    wait_answer(&app, begin).await
}

/// All of them are read before the first is begun. One that cannot be begun then has a row that says so: those before
/// it exist, and a client that got an error would send them again.
pub(super) async fn batch(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<Vec<RunCreate>>,
) -> Result<Response, ApiError> {
    if asked.len() > MAX_BATCH {
        return Err(ApiError::invalid(format!(
            "a batch has at most {MAX_BATCH} runs, this one has {}",
            asked.len()
        )));
    }
    let mut all = Vec::with_capacity(asked.len());
    for asked in asked {
        all.push(begin(&app, &caller, asked).await?);
    }
    app.runs.has_room(all.len())?;
    let mut rows: Vec<Value> = Vec::with_capacity(all.len());
    for begin in all {
        let mut row = pending(&begin);
        match begin.start(&app, false).await {
            Ok(_) => {}
            Err(error) if rows.is_empty() => return Err(error),
            Err(error) => {
                row["status"] = "error".into();
                row["error"] = json!({"error": error.code(), "message": error.detail()});
            }
        }
        rows.push(row);
    }
    Ok(Json(rows).into_response())
}

pub(super) async fn follow(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let run = path.run()?;
    let key = caller.key(own_thread(run)?);
    stream_run(&app, key, run, &params, &headers).await
}

pub(super) async fn join(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Response, ApiError> {
    let run = path.run()?;
    let key = caller.key(own_thread(run)?);
    join_run(&app, key, run, &params).await
}
