//! The modes `messages-tuple` (each piece of a message with its metadata) and `messages` (what was said so far).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use everthread_graph::contract::{Json, Namespace, TaskId};
use serde_json::{Map, Value, json};

use super::{Teller, Told, named, object};
use crate::wire::Mode;

/// Messages that are being said, by id.
#[derive(Default)]
pub(super) struct Partials(HashMap<String, Map<String, Value>>);

/// What a type of message ends in while it is being said.
const CHUNK: &str = "MessageChunk";

impl Partials {
    /// Forgets a message that begins anew, if that is what a custom event says.
    pub(super) fn restart(&mut self, value: &Json) {
        if self.0.is_empty() {
            return;
        }
        let read: Result<Value, _> = value.read();
        if let Some(id) = read
            .ok()
            .as_ref()
            .and_then(|value| value["restart"].as_str())
        {
            self.0.remove(id);
        }
    }
}

/// Messages of which a reader may have heard a part before a crash: when they begin anew, that part is void.
#[derive(Default)]
pub(super) struct SaidBefore {
    /// Whether this is another attempt of the run.
    is_again: bool,
    /// Those that have begun anew.
    begun: HashSet<String>,
}

impl SaidBefore {
    pub(super) fn new(is_again: bool) -> Self {
        Self {
            is_again,
            ..Self::default()
        }
    }

    /// The message that takes away what was heard, in LangChain's form, before the first piece of a message: clients
    /// put the pieces of one id together. One that nobody heard is taken away in vain.
    fn void(&mut self, chunk: &Json) -> Option<String> {
        if !self.is_again {
            return None;
        }
        let piece: Map<String, Value> = chunk.read().ok()?;
        let id = piece.get("id")?.as_str()?;
        let is_piece = piece.get("type")?.as_str()?.ends_with(CHUNK);
        if !is_piece || !self.begun.insert(id.to_owned()) {
            return None;
        }
        Some(json!({"type": "remove", "id": id, "content": ""}).to_string())
    }
}

/// Who says a piece of a message.
pub(super) struct Speaker<'a> {
    pub(super) ns: &'a Namespace,
    pub(super) task: TaskId,
    pub(super) node: &'a str,
    pub(super) step: i64,
}

impl Teller {
    pub(super) fn message(
        &mut self,
        speaker: &Speaker<'_>,
        (chunk, metadata): (&Json, &Json),
        told: &mut Vec<Told>,
    ) {
        let Speaker { ns, node, step, .. } = *speaker;
        if self.modes.has(Mode::MessagesTuple) {
            let about = self.about_message(speaker, metadata);
            if let Some(void) = self.said_before.void(chunk) {
                told.push((named("messages", ns), format!("[{void},{about}]")));
            }
            let data = format!("[{},{about}]", chunk.as_str());
            told.push((named("messages", ns), data));
        }
        if self.modes.has(Mode::Messages) {
            self.whole_message(speaker, (chunk, metadata), told);
        }
        if self.modes.has(Mode::Events) {
            told.push(self.model_streams(ns, node, step, chunk));
        }
    }

    /// The metadata of a message: the run's, the node's place, and what the node says.
    fn about_message(&self, speaker: &Speaker<'_>, metadata: &Json) -> String {
        let Speaker {
            ns,
            task,
            node,
            step,
        } = speaker;
        let place = ns.child(&format!("{node}:{task}"));
        // Inside a subgraph the checkpoints are the subgraph's.
        let kept = if ns.is_root() { &place } else { *ns };
        let text = |text: &str| Value::from(text).to_string();
        let trigger = text(&format!("branch:to:{node}"));
        let (node, place, kept) = (text(node), text(place.as_str()), text(kept.as_str()));
        let fields = format!(
            r#","langgraph_step":{step},"langgraph_node":{node},"langgraph_triggers":[{trigger}],"langgraph_path":["__pregel_pull",{node}],"langgraph_checkpoint_ns":{place},"checkpoint_ns":{kept}"#,
        );
        let about = self.about.strip_suffix('}').unwrap_or(&self.about);
        let own = metadata.as_str().trim();
        let own = own.strip_prefix('{').and_then(|own| own.strip_suffix('}'));
        match own.map(str::trim).filter(|own| !own.is_empty()) {
            Some(own) => format!("{about}{fields},{own}}}"),
            None => format!("{about}{fields}}}"),
        }
    }

    /// What was said of the message so far; a message that comes as a whole is complete.
    fn whole_message(
        &mut self,
        speaker: &Speaker<'_>,
        (chunk, metadata): (&Json, &Json),
        told: &mut Vec<Told>,
    ) {
        let ns = speaker.ns;
        let Ok(piece) = chunk.read::<Map<String, Value>>() else {
            return;
        };
        // A piece without an id belongs to no message.
        let Some(id) = piece.get("id").and_then(Value::as_str).map(str::to_owned) else {
            return;
        };
        let kind = piece
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_piece = kind.ends_with(CHUNK);
        if !self.partials.0.contains_key(&id) {
            let about = self.about_message(speaker, metadata);
            let data = object(&id, &object("metadata", &about));
            told.push((named("messages/metadata", ns), data));
        }
        let (event, message) = if is_piece {
            let whole = self.partials.0.entry(id).or_default();
            add(whole, piece);
            ("messages/partial", Cow::Borrowed(&*whole))
        } else {
            ("messages/complete", Cow::Owned(piece))
        };
        if let Ok(text) = serde_json::to_string(&[&*message]) {
            told.push((named(event, ns), text));
        }
    }
}

/// Adds a piece to a message: texts and lists grow, everything else is replaced.
fn add(whole: &mut Map<String, Value>, piece: Map<String, Value>) {
    for (name, value) in piece {
        match name.as_str() {
            "type" => {
                let kind = value.as_str().unwrap_or_default();
                let kind = kind.strip_suffix(CHUNK).unwrap_or(kind).to_lowercase();
                whole.insert(name, kind.into());
            }
            "tool_call_chunks" | "chunk_position" => {}
            "content" | "tool_calls" => match (whole.get_mut(&name), value) {
                (Some(Value::String(said)), Value::String(more)) => said.push_str(&more),
                (Some(Value::Array(said)), Value::Array(more)) => said.extend(more),
                (_, value) => {
                    whole.insert(name, value);
                }
            },
            "response_metadata" | "additional_kwargs" => match (whole.get_mut(&name), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                (_, value) => {
                    whole.insert(name, value);
                }
            },
            _ => {
                if !(value.is_null() && whole.contains_key(&name)) {
                    whole.insert(name, value);
                }
            }
        }
    }
}
