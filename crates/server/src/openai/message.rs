//! A message, however it is spelled: in a chat completion, as items of a response, or as graphs keep it (LangChain's
//! JSON).

use serde_json::{Map, Value, json};

/// One message.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Message {
    pub(crate) role: Role,
    pub(crate) content: Content,
    /// Its id in the thread; `None` until it has one.
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    /// The tools that the assistant calls.
    pub(crate) calls: Vec<Call>,
    /// Which call this answers.
    pub(crate) answers: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) usage: Option<Usage>,
    /// Why the model stopped, as it says.
    pub(crate) finish: Option<String>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    #[default]
    User,
    Assistant,
    System,
    Tool,
}

/// What is said: text, or parts as chat completions spell them (`{"type": "text", …}`, `{"type": "image_url", …}`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Value>),
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON text, as the model wrote it.
    pub(crate) arguments: String,
}

/// Tokens, as the model counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Content {
    /// The words of it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => {
                let texts = parts.iter().filter_map(|part| match part {
                    Value::String(text) => Some(text.as_str()),
                    part if part["type"] == "text" => part["text"].as_str(),
                    _ => None,
                });
                texts.collect()
            }
        }
    }

    /// The parts that are no text, such as images.
    fn others(&self) -> Vec<&Value> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Parts(parts) => parts
                .iter()
                .filter(|part| !(part.is_string() || part["type"] == "text"))
                .collect(),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Parts(parts) => parts.clone().into(),
        }
    }
}

impl Role {
    /// The role of a name, in whichever protocol.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "user" | "human" => Some(Self::User),
            "assistant" | "ai" | "AIMessageChunk" => Some(Self::Assistant),
            "system" | "developer" => Some(Self::System),
            "tool" | "function" => Some(Self::Tool),
            _ => None,
        }
    }

    /// OpenAI's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }

    fn in_state(self) -> &'static str {
        match self {
            Self::User => "human",
            Self::Assistant => "ai",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }
}

impl Call {
    fn args(&self) -> Value {
        serde_json::from_str(&self.arguments).unwrap_or_else(|_| self.arguments.as_str().into())
    }
}

impl Message {
    /// Text that somebody says.
    pub(crate) fn new(role: Role, content: Content) -> Self {
        Self {
            role,
            content,
            ..Self::default()
        }
    }

    /// Reads a message as graphs keep it; `None` for what is none.
    pub(crate) fn of_state(kept: &Value) -> Option<Self> {
        let role = kept.get("type").and_then(Value::as_str)?;
        let content = match kept.get("content") {
            Some(Value::String(text)) => Content::Text(text.clone()),
            Some(Value::Array(parts)) => Content::Parts(parts.clone()),
            _ => Content::default(),
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let calls = kept["tool_calls"].as_array();
        let calls = calls.into_iter().flatten().map(|call| Call {
            id: text(&call["id"]).unwrap_or_default(),
            name: text(&call["name"]).unwrap_or_default(),
            arguments: match &call["args"] {
                Value::String(arguments) => arguments.clone(),
                args => args.to_string(),
            },
        });
        let usage = kept.get("usage_metadata").filter(|usage| usage.is_object());
        Some(Self {
            role: Role::parse(role)?,
            content,
            id: text(&kept["id"]),
            name: text(&kept["name"]),
            calls: calls.collect(),
            answers: text(&kept["tool_call_id"]),
            refusal: text(&kept["additional_kwargs"]["refusal"]),
            usage: usage.map(|usage| Usage {
                input: usage["input_tokens"].as_u64().unwrap_or(0),
                output: usage["output_tokens"].as_u64().unwrap_or(0),
            }),
            finish: text(&kept["response_metadata"]["finish_reason"]),
        })
    }

    /// The message as graphs keep it.
    pub(crate) fn to_state(&self) -> Value {
        let mut kept = Map::new();
        kept.insert("type".to_owned(), self.role.in_state().into());
        kept.insert("content".to_owned(), self.content.to_value());
        let mut set = |name: &str, value: Option<&String>| {
            if let Some(value) = value {
                kept.insert(name.to_owned(), value.as_str().into());
            }
        };
        set("id", self.id.as_ref());
        set("name", self.name.as_ref());
        set("tool_call_id", self.answers.as_ref());
        if !self.calls.is_empty() {
            let call = |call: &Call| json!({"name": call.name, "args": call.args(), "id": call.id, "type": "tool_call"});
            kept.insert(
                "tool_calls".to_owned(),
                self.calls.iter().map(call).collect(),
            );
        }
        if let Some(refusal) = &self.refusal {
            kept.insert("additional_kwargs".to_owned(), json!({"refusal": refusal}));
        }
        Value::Object(kept)
    }

    /// The id, or something in its place where there is none.
    pub(crate) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// Whether both say the same, whoever gave them their ids.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let calls = |message: &Self| -> Vec<(String, String, Value)> {
            let call = |call: &Call| (call.id.clone(), call.name.clone(), call.args());
            message.calls.iter().map(call).collect()
        };
        self.role == other.role
            && self.content.text().trim() == other.content.text().trim()
            && self.content.others() == other.content.others()
            && self.answers == other.answers
            && calls(self) == calls(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_from_the_state() {
        let kept = json!({
            "type": "ai",
            "content": [{"type": "text", "text": "see "}, {"type": "image_url", "image_url": {"url": "u"}}],
            "id": "m1",
            "tool_calls": [{"name": "weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}],
        });
        let read = Message::of_state(&kept).expect("a message");
        assert_eq!(read.to_state(), kept);
        assert_eq!(read.calls[0].arguments, r#"{"city":"Oslo"}"#);
        assert!(Message::of_state(&json!({"content": "x"})).is_none());
    }

    #[test]
    fn what_says_the_same_is_the_same() {
        let text = |text: &str| Message::new(Role::User, Content::Text(text.to_owned()));
        let parts = Content::Parts(vec![json!({"type": "text", "text": "hi"})]);
        assert!(text("hi\n").is_same(&Message::new(Role::User, parts.clone())));
        assert!(!text("hi").is_same(&Message::new(Role::Assistant, parts)));
        let image = json!({"type": "image_url", "image_url": {"url": "u"}});
        let with_image = Content::Parts(vec![json!({"type": "text", "text": "hi"}), image]);
        assert!(!text("hi").is_same(&Message::new(Role::User, with_image)));
    }
}
