//! The thread protocol: commands, and the events of a thread.

use serde_json::Value;
use utoipa::ToSchema;

use super::doc::Doc;

/// A command to a thread.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are only described")]
pub(super) struct ThreadCommand {
    /// Comes back with the answer.
    id: i64,
    /// `run.start`, `input.respond`, `agent.getTree`, `state.get`, `state.listCheckpoints` or `state.fork`.
    method: String,
    /// What the command is about.
    #[schema(value_type = Option<Object>)]
    params: Option<Value>,
}

/// What a client wants to hear of a thread.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are only described")]
pub(super) struct EventFilter {
    /// Some of `values`, `updates`, `messages`, `tools`, `lifecycle`, `input`, `checkpoints`, `tasks`, `custom`, or
    /// `custom:NAME`.
    channels: Vec<String>,
    /// Only of graphs whose namespaces begin so; a part may name a node without its task.
    namespaces: Option<Vec<Vec<String>>>,
    /// Only so deep below these.
    depth: Option<u64>,
    /// Only after this number; without it, from some runs ago on.
    since: Option<u64>,
}

pub(super) fn docs() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "threads", summary);
    let events = "/threads/{thread_id}/stream/events";
    vec![
        doc(
            "POST",
            "/threads/{thread_id}/commands",
            "Give a thread a command of the thread protocol",
        )
        .reads::<ThreadCommand>()
        .gives_any("`{\"type\": \"success\", \"id\", \"result\", \"meta\"}`, or `{\"type\": \"error\", \"id\", \"error\", \"message\"}`."),
        doc("POST", events, "Follow everything that happens on a thread")
            .reads::<EventFilter>()
            .streams(),
        doc("GET", events, "The same as a WebSocket: commands in, answers and events out")
            .gives_any("101, and a WebSocket."),
    ]
}
