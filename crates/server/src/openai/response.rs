//! A response as it is told: what was asked for, how it stands, and what it said.

use everthread_graph::contract::{RunId, ThreadId};
use serde_json::{Map, Value, json};

use super::item;
use super::message::{Message, Usage};
use super::response_id::ResponseId;
use super::wire::ResponseCreate;

/// What is told of a response at any time.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    pub(crate) id: String,
    /// Seconds since 1970-01-01 UTC.
    pub(crate) created: i64,
    /// What the request said, as it is kept with the run.
    pub(crate) told: Value,
}

/// How a response stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Queued,
    InProgress,
    Completed,
    /// The model stopped for this reason.
    Incomplete(&'static str),
    Failed(String),
    Cancelled,
}

/// What is kept with a response's run.
pub(crate) fn told(body: &ResponseCreate, model: &str, thread: &ThreadId) -> Value {
    let is_in_conversation = body.conversation.as_ref().is_some_and(|of| !of.is_null());
    let conversation = is_in_conversation.then(|| json!({"id": thread.as_str()}));
    json!({
        "model": model,
        "instructions": body.instructions,
        "metadata": body.metadata.clone().unwrap_or_default(),
        "tools": body.tools.clone().unwrap_or_default(),
        "tool_choice": body.tool_choice.clone().unwrap_or_else(|| "auto".into()),
        "temperature": body.temperature,
        "max_output_tokens": body.max_output_tokens,
        "parallel_tool_calls": body.parallel_tool_calls.unwrap_or(true),
        "previous_response_id": body.previous_response_id,
        "conversation": conversation,
        "background": body.background.unwrap_or(false),
        "store": body.store.unwrap_or(true),
        "user": body.user,
    })
}

impl Shell {
    pub(crate) fn new(run: RunId, thread: &ThreadId, told: Value) -> Self {
        let id = ResponseId {
            run,
            thread: thread.clone(),
        };
        Self {
            id: id.to_text(),
            created: created(run),
            told,
        }
    }

    /// The response as it stands, with these items.
    pub(crate) fn with(
        &self,
        standing: &Standing,
        output: &[Value],
        usage: Option<Usage>,
    ) -> Value {
        let error = match standing {
            Standing::Failed(why) => json!({"code": "server_error", "message": why}),
            _ => Value::Null,
        };
        let incomplete = match standing {
            Standing::Incomplete(reason) => json!({"reason": reason}),
            _ => Value::Null,
        };
        let mut response = Map::new();
        let fixed = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": standing.name(),
            "error": error,
            "incomplete_details": incomplete,
            "output": output,
            "usage": usage.map(shown),
            "text": {"format": {"type": "text"}},
            "reasoning": {"effort": null, "summary": null},
            "top_p": null,
            "truncation": "auto",
            "service_tier": "default",
        });
        for part in [&fixed, &self.told] {
            let fields = part.as_object().into_iter().flatten();
            response.extend(fields.map(|(name, value)| (name.clone(), value.clone())));
        }
        Value::Object(response)
    }

    /// The response that these messages make.
    pub(crate) fn of(&self, said: &[Message]) -> Value {
        let output: Vec<Value> = said.iter().flat_map(item::items).collect();
        self.with(&ended(said), &output, usage(said))
    }
}

/// When a run was asked for, in seconds since 1970-01-01 UTC: its id says so.
pub(crate) fn created(run: RunId) -> i64 {
    let time = run.uuid().get_timestamp().map(|time| time.to_unix().0);
    time.and_then(|seconds| i64::try_from(seconds).ok())
        .unwrap_or_default()
}

impl Standing {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a response ended that said this.
pub(crate) fn ended(said: &[Message]) -> Standing {
    match said.last().and_then(|last| last.finish.as_deref()) {
        Some("length") => Standing::Incomplete("max_output_tokens"),
        Some("content_filter") => Standing::Incomplete("content_filter"),
        _ => Standing::Completed,
    }
}

/// What the model counted; `None` when it did not count.
pub(crate) fn usage(said: &[Message]) -> Option<Usage> {
    said.iter()
        .filter_map(|one| one.usage)
        .reduce(|a, b| Usage {
            input: a.input + b.input,
            output: a.output + b.output,
        })
}

fn shown(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input + usage.output,
    })
}
