//! Puts a reply together from its chunks.

use serde_json::{Value, json};

use super::chunk::{CallPiece, Choice, Chunk, Said};
use crate::{Delta, Finish, Message, ModelErrorKind, Reply, TokenSink, ToolCall};

/// Tool calls in one reply; more are a fault of the server.
const MAX_TOOL_CALLS: usize = 128;

/// A reply as far as it has come.
#[derive(Default)]
pub(super) struct Assembly {
    text: String,
    calls: Vec<PartialCall>,
    finish_reason: Option<String>,
    usage: Option<Value>,
    model: Option<String>,
    refusal: String,
}

#[derive(Default)]
struct PartialCall {
    id: Option<String>,
    name: String,
    arguments: String,
}

impl Assembly {
    /// Takes the next chunk; `sink` hears its text.
    pub(super) fn add(&mut self, chunk: Chunk, sink: &mut dyn TokenSink) {
        self.model = chunk.model.or(self.model.take());
        self.usage = chunk.usage.filter(Value::is_object).or(self.usage.take());
        for choice in chunk.choices.unwrap_or_default() {
            if choice.index.unwrap_or(0) == 0 {
                self.add_choice(choice, sink);
            }
        }
    }

    fn add_choice(&mut self, choice: Choice, sink: &mut dyn TokenSink) {
        let said: Said = choice.delta.unwrap_or_default();
        if let Some(text) = said.content.filter(|text| !text.is_empty()) {
            sink.on_delta(Delta::Text(&text));
            self.text.push_str(&text);
        }
        self.refusal.push_str(&said.refusal.unwrap_or_default());
        for (position, piece) in said.tool_calls.unwrap_or_default().into_iter().enumerate() {
            self.add_call(position, piece);
        }
        // Some servers send an empty reason in every chunk.
        let reason = choice.finish_reason.filter(|reason| !reason.is_empty());
        self.finish_reason = reason.or(self.finish_reason.take());
    }

    fn add_call(&mut self, position: usize, piece: CallPiece) {
        let index = piece.index.unwrap_or(position);
        if index >= MAX_TOOL_CALLS {
            return;
        }
        if self.calls.len() <= index {
            self.calls.resize_with(index + 1, PartialCall::default);
        }
        let call = &mut self.calls[index];
        call.id = piece.id.filter(|id| !id.is_empty()).or(call.id.take());
        let function = piece.function.unwrap_or_default();
        call.name.push_str(&function.name.unwrap_or_default());
        call.arguments
            .push_str(&function.arguments.unwrap_or_default());
    }

    /// Whether the listener has heard any of it.
    pub(super) fn was_heard(&self) -> bool {
        !self.text.is_empty()
    }

    /// The kind of a failure now: a reply that was begun is interrupted, whatever happened.
    pub(super) fn failure_kind(&self, otherwise: ModelErrorKind) -> ModelErrorKind {
        if self.was_heard() {
            ModelErrorKind::Interrupted
        } else {
            otherwise
        }
    }

    /// Bytes that came.
    pub(super) fn len(&self) -> usize {
        let calls: usize = self.calls.iter().map(|call| call.arguments.len()).sum();
        self.text.len() + self.refusal.len() + calls
    }

    /// Whether the server said that the reply is over.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.is_some()
    }

    /// Whether nothing was said, nothing refused and nothing called.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.refusal.is_empty() && self.calls.is_empty()
    }

    /// Why the reply is over, in the server's word.
    pub(super) fn finish_reason(&self) -> Option<&str> {
        self.finish_reason.as_deref()
    }

    /// Takes note that the server said so in another way than by giving a reason.
    pub(super) fn finish(&mut self) {
        self.finish_reason.get_or_insert_with(|| "stop".to_owned());
    }

    /// The whole reply; `asked` names the model where the server did not.
    pub(super) fn reply(self, asked: &str) -> Reply {
        let reason = self.finish_reason.unwrap_or_default();
        let finish = match reason.as_str() {
            "stop" => Finish::Stop,
            "length" => Finish::Length,
            "tool_calls" | "function_call" => Finish::ToolCalls,
            _ => Finish::Other,
        };
        let mut message = Message::ai(self.text);
        for call in self.calls {
            call.add_to(&mut message);
        }
        message.usage_metadata = self.usage.as_ref().map(usage_metadata);
        let model = self.model.filter(|model| !model.is_empty());
        let metadata = &mut message.response_metadata;
        metadata.insert(
            "model_name".to_owned(),
            model.unwrap_or_else(|| asked.to_owned()).into(),
        );
        metadata.insert("finish_reason".to_owned(), reason.into());
        if !self.refusal.is_empty() {
            message
                .additional_kwargs
                .insert("refusal".to_owned(), self.refusal.into());
        }
        Reply { message, finish }
    }
}

impl PartialCall {
    /// Adds the call to the message; one whose arguments are no JSON among the invalid ones, as LangChain does.
    fn add_to(self, message: &mut Message) {
        let arguments = if self.arguments.trim().is_empty() {
            "{}"
        } else {
            &self.arguments
        };
        match serde_json::from_str::<Value>(arguments) {
            Ok(args) => {
                let id = self.id.unwrap_or_default();
                message.tool_calls.push(ToolCall::new(id, self.name, args));
            }
            Err(error) => {
                let call = json!({
                    "name": self.name, "args": self.arguments, "id": self.id,
                    "error": error.to_string(), "type": "invalid_tool_call",
                });
                let invalid = message
                    .extra
                    .entry("invalid_tool_calls")
                    .or_insert_with(|| json!([]));
                if let Value::Array(invalid) = invalid {
                    invalid.push(call);
                }
            }
        }
    }
}

/// OpenAI's counts under LangChain's names.
fn usage_metadata(usage: &Value) -> Value {
    let mut out = json!({
        "input_tokens": usage["prompt_tokens"],
        "output_tokens": usage["completion_tokens"],
        "total_tokens": usage["total_tokens"],
    });
    let cached = &usage["prompt_tokens_details"]["cached_tokens"];
    if !cached.is_null() {
        out["input_token_details"] = json!({"cache_read": cached});
    }
    let reasoning = &usage["completion_tokens_details"]["reasoning_tokens"];
    if !reasoning.is_null() {
        out["output_token_details"] = json!({"reasoning": reasoning});
    }
    out
}
