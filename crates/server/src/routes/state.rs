//! `/threads/{thread_id}/state` and `/history`: what a thread holds, and held.

mod history;
mod update;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use everthread_graph::contract::{At, CheckpointId, Namespace, ThreadKey};
use serde_json::Value;

use super::{Routes, Rule};
use crate::app::App;
use crate::beginning;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, Path};
use crate::thread_graph::about;
use crate::wire::{self, CheckpointBody, CheckpointLookup};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::GET, "/threads/{thread_id}/state", Rule::Own, head)
        .route(
            Method::POST,
            "/threads/{thread_id}/state",
            Rule::Own,
            update::update,
        )
        .route(
            Method::POST,
            "/threads/{thread_id}/state/checkpoint",
            Rule::Own,
            lookup,
        )
        .route(
            Method::GET,
            "/threads/{thread_id}/state/{checkpoint_id}",
            Rule::Own,
            at,
        )
        .route(
            Method::POST,
            "/threads/{thread_id}/history",
            Rule::Own,
            history::post,
        )
        .route(
            Method::GET,
            "/threads/{thread_id}/history",
            Rule::Own,
            history::get,
        )
}

/// Which state is read.
struct Wanted {
    ns: Namespace,
    at: At,
    subgraphs: bool,
}

async fn head(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let key = caller.key(path.thread()?);
    let wanted = Wanted {
        ns: Namespace::from_text(params.get("checkpoint_ns").unwrap_or_default()),
        at: At::Head,
        subgraphs: params.is_set("subgraphs")?,
    };
    let state = read(&app, &key, wanted).await?;
    Ok(Json(wire::select(state, params.all("select"))))
}

async fn at(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let key = caller.key(path.thread()?);
    let wanted = Wanted {
        ns: Namespace::from_text(params.get("checkpoint_ns").unwrap_or_default()),
        at: At::Id(checkpoint_id(path.text("checkpoint_id"))?),
        subgraphs: params.is_set("subgraphs")?,
    };
    let state = read(&app, &key, wanted).await?;
    Ok(Json(wire::select(state, params.all("select"))))
}

async fn lookup(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(body): Body<CheckpointLookup>,
) -> Result<Json<Value>, ApiError> {
    let key = caller.key(path.thread()?);
    let checkpoint = body.checkpoint.unwrap_or_default();
    let wanted = Wanted {
        at: named(&checkpoint, None)?,
        ns: Namespace::from_text(checkpoint.checkpoint_ns.as_deref().unwrap_or_default()),
        subgraphs: body.subgraphs.unwrap_or(false),
    };
    let state = read(&app, &key, wanted).await?;
    let fields = body.select.unwrap_or_default();
    Ok(Json(wire::select(state, fields.iter().map(String::as_str))))
}

async fn read(app: &App, key: &ThreadKey, wanted: Wanted) -> Result<Value, ApiError> {
    let thread = app.thread(key).await?;
    let graph = match thread.head {
        Some(_) => app.graph_of(key, &thread).await?,
        None => None,
    };
    if let (Some(graph), At::Id(id)) = (&graph, wanted.at)
        && let Some(input) = beginning::input_after(id)
    {
        let Some(state) = graph.state(key, At::Id(input), false).await? else {
            return Ok(wire::empty(key.thread.as_str(), Some(id)));
        };
        let input = &state.checkpoint;
        let before = beginning::state_before(&**graph, key, input, &[]).await?;
        return Ok(wire::before_input(&about(&thread), input, before.as_ref()));
    }
    let state = match &graph {
        Some(graph) => {
            let Wanted { ns, at, subgraphs } = &wanted;
            graph.state_in(key, ns, *at, *subgraphs).await?
        }
        None => None,
    };
    Ok(match (&state, wanted.at) {
        (None, At::Id(id)) => wire::empty(key.thread.as_str(), Some(id)),
        (state, _) => wire::state(&about(&thread), state.as_ref()),
    })
}

/// A checkpoint's id.
///
/// # Errors
/// 422 when it is no UUID.
fn checkpoint_id(text: &str) -> Result<CheckpointId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid(format!("Invalid checkpoint ID: {text:?} is not a UUID")))
}

/// The checkpoint that a body names; the head when it names none.
///
/// # Errors
/// 422 when it is no UUID.
fn named(checkpoint: &CheckpointBody, id: Option<&str>) -> Result<At, ApiError> {
    let named = id.or(checkpoint.checkpoint_id.as_deref());
    match named.filter(|id| !id.is_empty()) {
        Some(id) => checkpoint_id(id).map(At::Id),
        None => Ok(At::Head),
    }
}
