//! Threads, as they are asked for and as clients read them.

use everthread_graph::AnyState;
use everthread_store::{Thread, ThreadStatus};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{CommandBody, iso};

/// A thread that is to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ThreadCreate {
    /// Its id, printable text of at most 255 characters; a new one when absent.
    pub thread_id: Option<String>,
    /// Free metadata.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// What happens when it is there: `raise` (the default) or `do_nothing`.
    pub if_exists: Option<String>,
    /// When it ends.
    pub ttl: Option<TtlBody>,
    /// What it begins with, step by step; the metadata have to name a `graph_id` then.
    pub supersteps: Option<Vec<Superstep>>,
}

/// One step that a thread begins with.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Superstep {
    /// What nodes wrote in it.
    pub updates: Vec<SuperstepUpdate>,
}

/// What one node wrote.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SuperstepUpdate {
    /// What it wrote.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub values: Option<Box<serde_json::value::RawValue>>,
    /// The same with places to go.
    #[serde(default)]
    pub command: Option<CommandBody>,
    /// The node.
    #[serde(default)]
    pub as_node: Option<String>,
}

/// When a thread ends: minutes, or an object with them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TtlBody {
    /// Minutes.
    Minutes(f64),
    /// An object with them.
    Object(Ttl),
}

/// When a thread ends.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct Ttl {
    /// Minutes.
    pub ttl: f64,
    /// What happens then; `delete` is all there is.
    pub strategy: Option<String>,
}

/// Most minutes that anything lives: a hundred years.
const MAX_MINUTES: f64 = 100.0 * 366.0 * 24.0 * 60.0;

impl TtlBody {
    /// When that is, from now; `None` when the number says nothing.
    pub(crate) fn expires_ms(&self) -> Option<i64> {
        match self {
            Self::Minutes(minutes) | Self::Object(Ttl { ttl: minutes, .. }) => in_minutes(*minutes),
        }
    }
}

/// A time so many minutes from now, in milliseconds since 1970-01-01 UTC; `None` for what is no time.
pub(crate) fn in_minutes(minutes: f64) -> Option<i64> {
    let valid = minutes.is_finite() && minutes > 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded by a hundred years"
    )]
    let ms = (minutes.min(MAX_MINUTES) * 60_000.0) as i64;
    valid.then(|| jiff::Timestamp::now().as_millisecond() + ms)
}

/// A change to a thread.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ThreadPatchBody {
    /// Metadata that come upon those there.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// When it ends.
    pub ttl: Option<TtlBody>,
}

/// Which threads.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ThreadSearch {
    /// Whose metadata have this in them.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Whose state has this in it.
    #[schema(value_type = Option<Object>)]
    pub values: Option<Map<String, Value>>,
    /// Of these ids only.
    pub ids: Option<Vec<String>>,
    /// That stand so: `idle`, `busy`, `interrupted`, `error`.
    pub status: Option<String>,
    /// At most so many; 10, at most 1,000.
    pub limit: Option<usize>,
    /// Skip so many; 0.
    pub offset: Option<usize>,
    /// `updated_at` (the default), `created_at`, `thread_id` or `status`.
    pub sort_by: Option<String>,
    /// `desc` (the default) or `asc`.
    pub sort_order: Option<String>,
    /// Only these fields.
    pub select: Option<Vec<String>>,
    /// Parts of threads under names of one's own: `{"name": "values.messages[-1].content"}`.
    #[schema(value_type = Option<Object>)]
    pub extract: Option<Map<String, Value>>,
}

/// Which threads are counted.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ThreadCount {
    /// Whose metadata have this in them.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Whose state has this in it.
    #[schema(value_type = Option<Object>)]
    pub values: Option<Map<String, Value>>,
    /// That stand so.
    pub status: Option<String>,
}

/// Which threads are pruned, and how.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ThreadPrune {
    /// The threads.
    pub thread_ids: Vec<String>,
    /// `delete` (the default) deletes them, `keep_latest` all of their checkpoints but the newest.
    pub strategy: Option<String>,
}

/// A thread as clients read it. Its state is in it when that was read.
pub(crate) fn thread(thread: &Thread, state: Option<&AnyState>) -> Value {
    let metadata: Value = thread
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.read().ok())
        .unwrap_or_else(|| json!({}));
    let status = status(thread, state);
    let error = thread.error.as_ref().filter(|_| status == "error");
    let mut wire = json!({
        "thread_id": thread.id.as_str(),
        "created_at": iso(thread.created_ms),
        "updated_at": iso(thread.updated_ms),
        "state_updated_at": iso(state.map_or(thread.created_ms, |state| state.checkpoint.at_ms)),
        "metadata": metadata,
        "status": status,
        "config": {},
        "values": null,
        "interrupts": {},
        "error": error.map(|message| json!({"error": "RunError", "message": message})),
    });
    if let Some(state) = state {
        wire["values"] = state.values.read().unwrap_or_default();
        wire["interrupts"] = interrupts(state);
        wire["config"] = json!({"configurable": {}});
    }
    wire
}

/// How a thread stands. One that was last written to without a run waits where it has something left to do.
fn status(thread: &Thread, state: Option<&AnyState>) -> &'static str {
    let left = state.is_some_and(|state| !state.next.is_empty() && state.checkpoint.run.is_none());
    match thread.status {
        ThreadStatus::Idle if left => "interrupted",
        status => status.as_str(),
    }
}

fn interrupts(state: &AnyState) -> Value {
    let mut all = Map::new();
    for task in &state.tasks {
        let asked: Vec<Value> = task
            .task
            .interrupts
            .iter()
            .map(|one| json!({"id": one.id, "value": one.value}))
            .collect();
        if !asked.is_empty() {
            all.insert(task.task.id.to_string(), asked.into());
        }
    }
    all.into()
}
