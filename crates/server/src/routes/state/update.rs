//! `POST /threads/{thread_id}/state`.

use axum::Json;
use axum::extract::State;
use everthread_graph::contract::{At, Json as Stored};
use everthread_graph::{AnyEdit, AnyInput, ErrorKind};
use everthread_store::StoreErrorKind;
use serde_json::Value;

use super::named;
use crate::app::App;
use crate::beginning;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::Path;
use crate::wire::{self, StateUpdate};

pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(body): Body<StateUpdate>,
) -> Result<Json<Value>, ApiError> {
    let key = caller.key(path.thread()?);
    let checkpoint = body.checkpoint.unwrap_or_default();
    let mut at = named(&checkpoint, body.checkpoint_id.as_deref())?;
    let thread = app.thread(&key).await?;
    let Some(graph) = app.graph_of(&key, &thread).await? else {
        return Err(ApiError::bad_request(format!(
            "Thread '{}' has no assigned graph ID: no run was made on it yet. Make one, or name a graph that this server has as graph_id in the thread's metadata.",
            key.thread
        )));
    };
    if app.runs.is_busy(&key) {
        return Err(busy());
    }
    if let At::Id(id) = at {
        let something = AnyInput::Update(Stored::trusted("{}"));
        // Before an input there is what was there before; before the first one, only the input itself.
        let found = beginning::resolve(&*graph, &key, id, &something).await?;
        let input = beginning::input_after(id).filter(|_| found.uuid().is_nil());
        at = At::Id(input.unwrap_or(found));
    }
    let edit = AnyEdit {
        values: body.values.map(|values| Stored::trusted(values.get())),
        as_node: body.as_node,
        ..AnyEdit::default()
    };
    let updated = graph.update_state(&key, at, vec![edit]).await;
    let id = updated.map_err(|error| match error.kind() {
        ErrorKind::Store(StoreErrorKind::Busy) => busy(),
        // An unknown node or a value of the wrong form, as the reference has it.
        ErrorKind::InvalidInput => ApiError::bad_request(error.to_string()),
        _ => error.into(),
    })?;
    Ok(Json(wire::update_answer(key.thread.as_str(), id)))
}

fn busy() -> ApiError {
    ApiError::conflict(
        "thread_busy",
        "Thread is busy with a running job: wait for its end or cancel it, then update its state.",
    )
}
