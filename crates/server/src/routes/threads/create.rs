//! `POST /threads`.

use axum::Json;
use axum::extract::State;
use everthread_graph::contract::{At, Json as Stored, ThreadKey};
use everthread_graph::{AnyEdit, AnyGraph};
use everthread_store::{NewThread, StoreErrorKind};
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::thread_id;
use crate::runs::places;
use crate::wire::{self, Superstep, SuperstepUpdate, ThreadCreate};

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ThreadCreate>,
) -> Result<Json<Value>, ApiError> {
    let id = body.thread_id.as_deref();
    let id = id.map_or_else(|| thread_id(&Uuid::now_v7().to_string()), thread_id)?;
    let key = caller.key(id);
    let lenient = match body.if_exists.as_deref() {
        None | Some("raise") => false,
        Some("do_nothing") => true,
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "if_exists must be raise or do_nothing, not {other:?}"
            )));
        }
    };
    let metadata = body.metadata.unwrap_or_default();
    let steps = read_steps(&app, &metadata, body.supersteps)?;
    let metadata = Stored::of(&metadata).map_err(|error| ApiError::invalid(error.to_string()))?;
    let new = NewThread {
        title: None,
        metadata: Some(metadata),
        expires_ms: body.ttl.as_ref().and_then(|ttl| ttl.expires_ms()),
    };
    match app.store.create_thread(&key, new).await {
        Ok(_) => {}
        Err(error) if error.kind() == StoreErrorKind::Exists && lenient => {}
        Err(error) if error.kind() == StoreErrorKind::Exists => {
            return Err(ApiError::conflict(
                "exists",
                format!("Thread with ID {} already exists", key.thread),
            ));
        }
        Err(error) => return Err(error.into()),
    }
    if let Some((graph, edits)) = steps
        && let Err(error) = graph.update_state(&key, At::Head, edits).await
    {
        undo(&app, &key).await;
        return Err(error.into());
    }
    let thread = app.thread(&key).await?;
    let state = app.state_of(&key, &thread).await?;
    Ok(Json(wire::thread(&thread, state.as_ref())))
}

/// A thread whose first steps could not be written is not left behind.
async fn undo(app: &App, key: &ThreadKey) {
    if let Err(error) = app.store.delete_thread(key).await {
        tracing::warn!(operation = "thread_create", %key, %error, "a thread that failed stays");
    }
}

type Steps = (std::sync::Arc<dyn AnyGraph>, Vec<AnyEdit>);

/// The steps that a thread begins with, and their graph.
fn read_steps(
    app: &App,
    metadata: &serde_json::Map<String, Value>,
    steps: Option<Vec<Superstep>>,
) -> Result<Option<Steps>, ApiError> {
    let steps = steps.unwrap_or_default();
    if steps.is_empty() {
        return Ok(None);
    }
    let name = metadata.get("graph_id").and_then(Value::as_str);
    let graph = name.and_then(|name| app.assistants.graphs.by_name(name));
    let Some(graph) = graph else {
        return Err(ApiError::invalid(
            "supersteps need a graph that this server has in metadata.graph_id",
        ));
    };
    let mut edits = Vec::with_capacity(steps.len());
    for step in steps {
        let mut all = step.updates.into_iter().map(edit);
        let Some(first) = all.next() else { continue };
        let mut first = first?;
        first.beside = all.collect::<Result<_, _>>()?;
        edits.push(first);
    }
    Ok((!edits.is_empty()).then(|| (graph.clone(), edits)))
}

fn edit(update: SuperstepUpdate) -> Result<AnyEdit, ApiError> {
    let command = update.command;
    let of_command = command.as_ref().and_then(|command| command.update.as_ref());
    let values = update.values.as_ref().or(of_command);
    Ok(AnyEdit {
        values: values.map(|values| Stored::trusted(values.get())),
        as_node: update.as_node,
        goto: places(command.as_ref().and_then(|command| command.goto.as_ref()))?,
        ..AnyEdit::default()
    })
}
