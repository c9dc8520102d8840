//! Messages as they are said: each begins, consists of blocks one after another, and ends.

use std::collections::HashMap;

use everthread_graph::contract::{Json, Namespace, TaskId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::event::Told;
use super::blocks::{Blocks, ToolPiece};
use super::told_of;

/// What a type of message ends in while it is being said.
const CHUNK: &str = "MessageChunk";

/// Who says something.
pub(super) struct Speech<'a> {
    pub(super) ns: &'a Namespace,
    pub(super) task: TaskId,
    pub(super) node: &'a str,
}

/// A message that is being said.
struct Open {
    id: String,
    node: String,
    blocks: Blocks,
    usage: Option<Value>,
    metadata: Map<String, Value>,
}

/// Messages that are being said, by the graph and the task that says them: one at a time each.
#[derive(Default)]
pub(super) struct Messages(HashMap<(Namespace, TaskId), Open>);

/// A piece of a message, or a whole one.
#[derive(Deserialize)]
struct Piece {
    #[serde(rename = "type", default)]
    kind: String,
    id: Option<String>,
    #[serde(default)]
    content: Value,
    tool_call_chunks: Option<Vec<ToolPiece>>,
    tool_calls: Option<Vec<Map<String, Value>>>,
    usage_metadata: Option<Value>,
    response_metadata: Option<Map<String, Value>>,
    chunk_position: Option<String>,
}

impl Messages {
    /// A piece of a message. Pieces without an id belong to no message; what tools answer is in the state.
    pub(super) fn piece(
        &mut self,
        speech: &Speech<'_>,
        (chunk, _metadata): (&Json, &Json),
        all: &mut Vec<Told>,
    ) {
        let Ok(piece) = chunk.read::<Piece>() else {
            return;
        };
        let (Some(id), Some(role)) = (piece.id.as_deref(), role(&piece.kind)) else {
            return;
        };
        let key = (speech.ns.clone(), speech.task);
        if self.0.get(&key).is_some_and(|open| open.id != id) {
            all.extend(self.finish(speech.ns, speech.task));
        }
        let say = |data: &Value| told_of("messages", speech.ns, speech.node, &data.to_string());
        let open = self.0.entry(key).or_insert_with(|| {
            let about = json!({"langgraph_node": speech.node});
            let start =
                json!({"event": "message-start", "role": role, "id": id, "metadata": about});
            all.push(say(&start));
            Open::new(id, speech.node)
        });
        let is_last =
            !piece.kind.ends_with(CHUNK) || piece.chunk_position.as_deref() == Some("last");
        for data in open.take(piece) {
            all.push(say(&data));
        }
        if is_last {
            all.extend(self.finish(speech.ns, speech.task));
        }
    }

    /// Forgets a message that begins anew, if that is what a custom event says.
    pub(super) fn restart(&mut self, value: &Json) {
        if self.0.is_empty() {
            return;
        }
        let read: Option<Value> = value.read().ok();
        let id = read.as_ref().and_then(|value| value["restart"].as_str());
        if let Some(id) = id {
            self.0.retain(|_, open| open.id != id);
        }
    }

    /// A task says no more.
    pub(super) fn finish(&mut self, ns: &Namespace, task: TaskId) -> Vec<Told> {
        let open = self.0.remove(&(ns.clone(), task));
        open.map_or_else(Vec::new, |open| open.finish(ns))
    }

    /// Nobody says any more.
    pub(super) fn finish_all(&mut self) -> Vec<Told> {
        let open = self.0.drain();
        open.flat_map(|((ns, _), open)| open.finish(&ns)).collect()
    }
}

/// Whose message a type is; `None` for those that are not told in pieces.
fn role(kind: &str) -> Option<&'static str> {
    match kind {
        "ai" | "AIMessageChunk" => Some("ai"),
        "human" | "HumanMessageChunk" => Some("human"),
        "system" | "SystemMessageChunk" => Some("system"),
        _ => None,
    }
}

impl Open {
    fn new(id: &str, node: &str) -> Self {
        Self {
            id: id.to_owned(),
            node: node.to_owned(),
            blocks: Blocks::default(),
            usage: None,
            metadata: Map::new(),
        }
    }

    /// What a piece adds.
    fn take(&mut self, piece: Piece) -> Vec<Value> {
        let is_whole = !piece.kind.ends_with(CHUNK);
        let mut all = Vec::new();
        self.blocks.content(piece.content, &mut all);
        for tool in piece.tool_call_chunks.unwrap_or_default() {
            self.blocks.tool(tool, &mut all);
        }
        if is_whole {
            let calls = piece.tool_calls.unwrap_or_default();
            for (at, call) in calls.iter().enumerate() {
                self.blocks.tool(ToolPiece::whole(at, call), &mut all);
            }
        }
        self.usage = piece.usage_metadata.or(self.usage.take());
        self.metadata
            .extend(piece.response_metadata.unwrap_or_default());
        all
    }

    fn finish(mut self, ns: &Namespace) -> Vec<Told> {
        let mut all = Vec::new();
        self.blocks.close(&mut all);
        let mut end = json!({"event": "message-finish"});
        if let Some(usage) = self.usage.filter(Value::is_object) {
            end["usage"] = usage;
        }
        if !self.metadata.is_empty() {
            end["metadata"] = Value::Object(self.metadata);
        }
        all.push(end);
        let say = |data: &Value| told_of("messages", ns, &self.node, &data.to_string());
        all.iter().map(say).collect()
    }
}
