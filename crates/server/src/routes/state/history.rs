//! `POST` and `GET /threads/{thread_id}/history`.

use axum::Json;
use axum::extract::State;
use everthread_graph::contract::{At, CheckpointId, HistoryQuery, Namespace, ThreadKey};
use everthread_graph::{AnyGraph, AnyState};
use serde_json::{Map, Value};

use crate::app::App;
use crate::beginning;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, Path, limited};
use crate::routes::threads::contains;
use crate::thread_graph::about;
use crate::wire::{self, AboutThread, HistoryRequest};

/// States that are given when nothing else is said.
const LIMIT: usize = 10;
/// Checkpoints that are read at a time while metadata choose among them.
const PAGE: usize = 100;

/// Which states.
struct Wanted {
    ns: Namespace,
    before: Option<CheckpointId>,
    limit: usize,
    metadata: Map<String, Value>,
}

pub(super) async fn post(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(body): Body<HistoryRequest>,
) -> Result<Json<Value>, ApiError> {
    let key = caller.key(path.thread()?);
    let ns = body
        .checkpoint
        .and_then(|checkpoint| checkpoint.checkpoint_ns);
    let wanted = Wanted {
        ns: Namespace::from_text(ns.as_deref().unwrap_or_default()),
        before: wire::before(body.before.as_ref())?,
        limit: limited(body.limit, LIMIT)?,
        metadata: body.metadata.unwrap_or_default(),
    };
    let states = read(&app, &key, wanted).await?;
    let fields = body.select.unwrap_or_default();
    let states = states.into_iter();
    let states = states.map(|state| wire::select(state, fields.iter().map(String::as_str)));
    Ok(Json(states.collect()))
}

pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let key = caller.key(path.thread()?);
    let (limit, _) = params.page(LIMIT)?;
    let before = params.get("before").map(Value::from);
    let wanted = Wanted {
        ns: Namespace::from_text(params.get("checkpoint_ns").unwrap_or_default()),
        before: wire::before(before.as_ref())?,
        limit,
        metadata: Map::new(),
    };
    let states = read(&app, &key, wanted).await?;
    Ok(Json(states.into()))
}

/// The place before an input.
async fn place(
    graph: &dyn AnyGraph,
    key: &ThreadKey,
    about: &AboutThread,
    (input, at_hand): (&AnyState, &[AnyState]),
) -> Result<Value, ApiError> {
    let input = &input.checkpoint;
    let before = beginning::state_before(graph, key, input, at_hand).await?;
    Ok(wire::before_input(about, input, before.as_ref()))
}

async fn read(app: &App, key: &ThreadKey, wanted: Wanted) -> Result<Vec<Value>, ApiError> {
    let thread = app.thread(key).await?;
    let Some(graph) = app.graph_of(key, &thread).await? else {
        return Ok(Vec::new());
    };
    let about = about(&thread);
    let chosen = |state: &Value| {
        let metadata = wanted.metadata.iter();
        metadata
            .into_iter()
            .all(|(name, value)| contains(&state["metadata"][name.as_str()], value))
    };
    let mut found = Vec::new();
    let mut before = wanted.before;
    if let Some(id) = before {
        if let Some(input) = beginning::input_after(id) {
            before = Some(input);
        } else if let Some(state) = graph.state(key, At::Id(id), false).await?
            && beginning::is_input(&state.checkpoint)
        {
            found.extend(Some(place(&*graph, key, &about, (&state, &[])).await?).filter(chosen));
        }
    }
    while found.len() < wanted.limit {
        // Where metadata choose, a page may give none.
        let limit = if wanted.metadata.is_empty() {
            wanted.limit
        } else {
            PAGE
        };
        let query = HistoryQuery {
            ns: Some(wanted.ns.clone()),
            before,
            limit,
        };
        let states = graph.history(key, query).await?;
        let Some(last) = states.last() else { break };
        before = Some(last.checkpoint.id);
        let is_last = states.len() < limit;
        for state in &states {
            found.extend(Some(wire::state(&about, Some(state))).filter(chosen));
            if beginning::is_input(&state.checkpoint) {
                let place = place(&*graph, key, &about, (state, &states)).await?;
                found.extend(Some(place).filter(chosen));
            }
        }
        if is_last {
            break;
        }
    }
    found.truncate(wanted.limit);
    Ok(found)
}
