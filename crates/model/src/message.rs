//! The message: one immutable utterance, in the JSON shape that LangChain's clients read and write.
//!
//! Ids and positions are given by whoever stores a message; this module only carries them.

mod content;
mod json;
mod role;
mod tool_call;

use std::borrow::Cow;

use serde_json::{Map, Value};

pub use content::Content;
pub use role::Role;
pub use tool_call::ToolCall;

/// One utterance of a conversation.
///
/// Its JSON form is LangChain's: `{"type":"human","content":"hi","id":"…"}`. Empty fields are left out, and
/// fields that this crate does not know come back exactly as they were.
///
/// ```
/// use everthread_model::Message;
///
/// let hello = Message::human("hi").with_id("m1");
/// let json = serde_json::to_string(&hello)?;
/// assert_eq!(json, r#"{"type":"human","content":"hi","id":"m1"}"#);
/// assert_eq!(serde_json::from_str::<Message>(&json)?, hello);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks; `type` in JSON.
    pub role: Role,
    /// What is said.
    pub content: Content,
    /// The name of this message, unique in its thread; absent until someone gives it.
    pub id: Option<String>,
    /// The speaker's name, where several speak in one role; for a tool's result, the tool's name.
    pub name: Option<String>,
    /// The tools that the model asks for (role `ai`).
    pub tool_calls: Vec<ToolCall>,
    /// Which tool call this answers (role `tool`).
    pub tool_call_id: Option<String>,
    /// Token counts as the model reported them: `input_tokens`, `output_tokens`, `total_tokens`.
    pub usage_metadata: Option<Value>,
    /// What the model's server said about the reply, such as `model_name` and `finish_reason`.
    pub response_metadata: Map<String, Value>,
    /// Provider-specific additions to the message.
    pub additional_kwargs: Map<String, Value>,
    /// Every field that this crate does not know, verbatim and in order.
    pub extra: Map<String, Value>,
}

impl Message {
    /// A message of `role` that says `content`; everything else is empty.
    pub fn new(role: Role, content: impl Into<Content>) -> Self {
        Self {
            role,
            content: content.into(),
            id: None,
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            usage_metadata: None,
            response_metadata: Map::new(),
            additional_kwargs: Map::new(),
            extra: Map::new(),
        }
    }

    /// What a person says.
    pub fn human(content: impl Into<Content>) -> Self {
        Self::new(Role::Human, content)
    }

    /// What a model says.
    pub fn ai(content: impl Into<Content>) -> Self {
        Self::new(Role::Ai, content)
    }

    /// What the application tells the model.
    pub fn system(content: impl Into<Content>) -> Self {
        Self::new(Role::System, content)
    }

    /// What a tool answers to the call named `call_id`.
    pub fn tool(call_id: impl Into<String>, content: impl Into<Content>) -> Self {
        Self {
            tool_call_id: Some(call_id.into()),
            ..Self::new(Role::Tool, content)
        }
    }

    /// The same message under the given id.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            ..self
        }
    }

    /// Who speaks.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The words of the message: its text, or the text blocks joined; other blocks say nothing here.
    pub fn text(&self) -> Cow<'_, str> {
        self.content.text()
    }
}

#[cfg(test)]
mod tests;
