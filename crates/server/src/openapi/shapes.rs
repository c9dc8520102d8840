//! Answers of the LangGraph protocol, for the document only: they are written without types, field by field, because
//! most of what is in them is the graph's.

#![expect(dead_code, reason = "only their schemas are used")]

use std::collections::HashMap;

use serde_json::Value;
use utoipa::ToSchema;

/// A thread.
#[derive(ToSchema)]
pub(super) struct Thread {
    thread_id: String,
    /// RFC 3339.
    created_at: String,
    updated_at: String,
    state_updated_at: String,
    metadata: HashMap<String, Value>,
    /// `idle`, `busy`, `interrupted` or `error`.
    status: String,
    config: Value,
    /// The state's values.
    values: Option<HashMap<String, Value>>,
    /// What waits for a person, by task.
    interrupts: HashMap<String, Vec<Interrupt>>,
    /// Why its last run failed.
    error: Option<Value>,
}

/// A question to a person.
#[derive(ToSchema)]
pub(super) struct Interrupt {
    id: String,
    value: Value,
}

/// The state of a thread at a checkpoint.
#[derive(ToSchema)]
pub(super) struct ThreadState {
    values: HashMap<String, Value>,
    /// The nodes that come next.
    next: Vec<String>,
    tasks: Vec<Value>,
    metadata: HashMap<String, Value>,
    created_at: Option<String>,
    checkpoint: Checkpoint,
    parent_checkpoint: Option<Checkpoint>,
    interrupts: Vec<Interrupt>,
    checkpoint_id: Option<String>,
    parent_checkpoint_id: Option<String>,
}

/// The name of a checkpoint.
#[derive(ToSchema)]
pub(super) struct Checkpoint {
    checkpoint_id: Option<String>,
    thread_id: String,
    checkpoint_ns: String,
}

/// The answer to an update of a state.
#[derive(ToSchema)]
pub(super) struct Updated {
    checkpoint: Checkpoint,
    configurable: Checkpoint,
    checkpoint_id: String,
}

/// A run.
#[derive(ToSchema)]
pub(super) struct Run {
    run_id: String,
    thread_id: String,
    assistant_id: String,
    created_at: String,
    updated_at: String,
    /// `pending`, `running`, `success`, `error`, `timeout` or `interrupted`.
    status: String,
    metadata: HashMap<String, Value>,
    /// What it was begun with.
    kwargs: HashMap<String, Value>,
    /// `enqueue`, `reject`, `interrupt` or `rollback`.
    multitask_strategy: String,
}

/// An assistant: a graph, with a configuration of its own.
#[derive(ToSchema)]
pub(super) struct Assistant {
    assistant_id: String,
    graph_id: String,
    name: String,
    description: Option<String>,
    version: u64,
    config: Value,
    context: Value,
    metadata: HashMap<String, Value>,
    created_at: String,
    updated_at: String,
}

/// A remembered value.
#[derive(ToSchema)]
pub(super) struct Item {
    namespace: Vec<String>,
    key: String,
    value: HashMap<String, Value>,
    created_at: String,
    updated_at: String,
    /// How well it fits the query, where one was given.
    score: Option<f64>,
}

/// Items that were found.
#[derive(ToSchema)]
pub(super) struct Items {
    items: Vec<Item>,
}

/// Namespaces that hold items.
#[derive(ToSchema)]
pub(super) struct Namespaces {
    namespaces: Vec<Vec<String>>,
}

/// How many threads went.
#[derive(ToSchema)]
pub(super) struct Pruned {
    pruned_count: u64,
}
