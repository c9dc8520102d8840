//! States of threads, as they are asked for and as clients read them.

use everthread_graph::contract::{Checkpoint, CheckpointId, Source};
use everthread_graph::{AnyInside, AnyState, AnyTask};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{CheckpointBody, iso};
use crate::beginning;
use crate::error::ApiError;

/// What is to be written to a thread as though a node had.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct StateUpdate {
    /// What is written: an object of channels, a list of such objects, or nothing.
    #[schema(value_type = Option<Object>)]
    pub values: Option<Box<RawValue>>,
    /// In whose name; the node that wrote last when absent.
    pub as_node: Option<String>,
    /// Upon which checkpoint; the head when absent.
    pub checkpoint: Option<CheckpointBody>,
    /// The same by its id alone.
    pub checkpoint_id: Option<String>,
}

/// Which state.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct CheckpointLookup {
    /// The checkpoint; the head when it names none.
    pub checkpoint: Option<CheckpointBody>,
    /// Whether the states of subgraphs are in it.
    pub subgraphs: Option<bool>,
    /// Only these fields.
    pub select: Option<Vec<String>>,
}

/// Which of a thread's states.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct HistoryRequest {
    /// At most so many; 10, at most 1,000.
    pub limit: Option<usize>,
    /// Only those before this checkpoint: its id, a checkpoint, or a configuration that names one.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// Whose metadata have these fields.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Of which graph of the thread; the checkpoint's id is not looked at.
    pub checkpoint: Option<CheckpointBody>,
    /// Only these fields.
    pub select: Option<Vec<String>>,
}

/// The checkpoint that `before` names: as text, as `{"checkpoint_id": …}`, as `{"configurable": {…}}` or as
/// `{"config": {"configurable": {…}}}`.
///
/// # Errors
/// 422 when it names none.
pub(crate) fn before(before: Option<&Value>) -> Result<Option<CheckpointId>, ApiError> {
    let Some(value) = before.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let places = [
        "",
        "/checkpoint_id",
        "/configurable/checkpoint_id",
        "/config/configurable/checkpoint_id",
    ];
    let named = places
        .iter()
        .find_map(|place| value.pointer(place)?.as_str());
    let Some(named) = named else {
        return Err(ApiError::invalid("before: it must name a checkpoint"));
    };
    let id = named.parse();
    id.map(Some)
        .map_err(|_| ApiError::invalid(format!("before: {named:?} is not a UUID")))
}

/// What a state's metadata say beside the checkpoint's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct AboutThread {
    /// The thread's id.
    pub(crate) thread: String,
    /// What the thread's metadata say of graph and assistant.
    pub(crate) names: Map<String, Value>,
}

/// A state as clients read it; of a thread without one, an empty state.
pub(crate) fn state(about: &AboutThread, state: Option<&AnyState>) -> Value {
    let Some(state) = state else {
        return empty(&about.thread, None);
    };
    let checkpoint = &state.checkpoint;
    let interrupts: Vec<Value> = state
        .interrupts
        .iter()
        .map(|one| json!({"id": one.id, "value": one.value}))
        .collect();
    let named = |id: CheckpointId| {
        json!({
            "checkpoint_id": id.to_string(),
            "thread_id": about.thread,
            "checkpoint_ns": checkpoint.ns.as_str(),
        })
    };
    // An input's parent is shown between the two.
    let parent = if beginning::is_input(checkpoint) {
        Some(beginning::place_before(checkpoint.id))
    } else {
        checkpoint.parent
    };
    let next: Vec<&str> = state.next.iter().map(|node| &**node).collect();
    let tasks: Vec<Value> = state.tasks.iter().map(|one| task(about, one)).collect();
    let values: Value = state.values.read().unwrap_or_default();
    json!({
        "values": values,
        "next": next,
        "tasks": tasks,
        "metadata": metadata(about, checkpoint),
        "created_at": iso(checkpoint.at_ms),
        "checkpoint": named(checkpoint.id),
        "parent_checkpoint": parent.map(named),
        "interrupts": interrupts,
        "checkpoint_id": checkpoint.id.to_string(),
        "parent_checkpoint_id": parent.map(|id| id.to_string()),
    })
}

/// The state before an input, as clients read it: what was there, and the input to be taken in.
pub(crate) fn before_input(
    about: &AboutThread,
    input: &Checkpoint,
    before: Option<&AnyState>,
) -> Value {
    let place = beginning::place_before(input.id);
    let mut shown = empty(&about.thread, Some(place));
    let parent = input.parent.map(|id| id.to_string());
    shown["values"] = before
        .and_then(|before| before.values.read().ok())
        .unwrap_or_else(|| json!({}));
    shown["next"] = json!(["__start__"]);
    shown["tasks"] = json!([{
        "id": place.to_string(),
        "name": "__start__",
        "path": ["__pregel_pull", "__start__"],
        "error": null,
        "interrupts": [],
        "checkpoint": null,
        "state": null,
        "result": null,
    }]);
    let mut metadata = metadata(about, input);
    metadata.insert("source".to_owned(), "input".into());
    metadata.insert("step".to_owned(), input.step.into());
    shown["metadata"] = metadata.into();
    shown["created_at"] = iso(input.at_ms).into();
    shown["parent_checkpoint"] = parent.as_ref().map_or(
        Value::Null,
        |id| json!({"checkpoint_id": id, "thread_id": about.thread, "checkpoint_ns": ""}),
    );
    shown["parent_checkpoint_id"] = json!(parent);
    shown
}

/// The state where there is none: of a thread on which nothing happened, or of an unknown checkpoint.
pub(crate) fn empty(thread: &str, checkpoint: Option<CheckpointId>) -> Value {
    let id = checkpoint.map(|id| id.to_string());
    json!({
        "values": {},
        "next": [],
        "tasks": [],
        "metadata": {},
        "created_at": null,
        "checkpoint": {"checkpoint_id": id, "thread_id": thread, "checkpoint_ns": ""},
        "parent_checkpoint": null,
        "interrupts": [],
        "checkpoint_id": id,
        "parent_checkpoint_id": null,
    })
}

fn metadata(about: &AboutThread, checkpoint: &Checkpoint) -> Map<String, Value> {
    let mut metadata = about.names.clone();
    let own: Option<Map<String, Value>> =
        checkpoint.metadata.as_ref().and_then(|own| own.read().ok());
    metadata.extend(own.unwrap_or_default());
    metadata.insert("thread_id".to_owned(), about.thread.as_str().into());
    if let Some(run) = checkpoint.run {
        metadata.insert("run_id".to_owned(), run.to_string().into());
    }
    // The place before it is what clients know as the input.
    let source = if beginning::is_input(checkpoint) {
        Source::Loop
    } else {
        checkpoint.source
    };
    metadata.insert("source".to_owned(), source.as_str().into());
    // That place takes a step of its own.
    metadata.insert("step".to_owned(), (checkpoint.step + 1).into());
    metadata.insert("parents".to_owned(), json!({}));
    metadata
}

fn task(about: &AboutThread, task: &AnyTask) -> Value {
    let AnyTask { task, inside } = task;
    let interrupts: Vec<Value> = task
        .interrupts
        .iter()
        .map(|one| json!({"id": one.id, "value": one.value}))
        .collect();
    let result: Option<Value> = task.result.as_ref().and_then(|result| result.read().ok());
    let kind = if task.arg.is_some() {
        "__pregel_push"
    } else {
        "__pregel_pull"
    };
    let (pointer, inner) = match inside {
        Some(AnyInside { ns, state: found }) => (
            json!({"configurable": {"thread_id": about.thread, "checkpoint_ns": ns.as_str()}}),
            found.as_ref().map(|found| state(about, Some(found))),
        ),
        None => (Value::Null, None),
    };
    // A subgraph is a pointer until its state was asked for.
    let pointer = if inner.is_some() {
        Value::Null
    } else {
        pointer
    };
    json!({
        "id": task.id.to_string(),
        "name": &*task.node,
        "path": [kind, &*task.node],
        "error": task.error,
        "interrupts": interrupts,
        "checkpoint": pointer,
        "state": inner,
        "result": result,
    })
}

/// The answer to an update.
pub(crate) fn update_answer(thread: &str, id: CheckpointId) -> Value {
    let id = id.to_string();
    let named = json!({"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": id});
    json!({"checkpoint": named, "configurable": named, "checkpoint_id": id})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_may_have_any_of_four_shapes() {
        let id = uuid::Uuid::now_v7().to_string();
        for shape in [
            json!(id),
            json!({"checkpoint_id": id, "thread_id": "t", "checkpoint_ns": ""}),
            json!({"configurable": {"checkpoint_id": id}}),
            json!({"config": {"configurable": {"checkpoint_id": id}}}),
        ] {
            let found = before(Some(&shape)).expect("a checkpoint");
            assert_eq!(
                found.map(|found| found.to_string()),
                Some(id.clone()),
                "{shape}"
            );
        }
        assert_eq!(before(Some(&Value::Null)).ok(), Some(None));
        assert!(before(Some(&json!({"limit": 1}))).is_err());
        assert!(before(Some(&json!("x"))).is_err());
    }
}
