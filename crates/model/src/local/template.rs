//! A conversation as the tokens that the model was trained on: the ChatML form, which all our models speak.

use crate::{Message, Role};

use super::tokens::Tokens;

/// What the model is told when the conversation has no system text.
const DEFAULT_SYSTEM: &str = "You are a helpful assistant.";

const BEGIN: &str = "<|im_start|>";
const END: &str = "<|im_end|>";

/// The marks of ChatML in a vocabulary.
#[derive(Clone, Copy)]
pub(super) struct Marks {
    begin: u32,
    end: u32,
}

impl Marks {
    /// The marks, if the vocabulary has them.
    pub(super) fn find(tokens: &Tokens) -> Option<Self> {
        Some(Self {
            begin: tokens.control(BEGIN)?,
            end: tokens.control(END)?,
        })
    }

    /// Whether this token ends a reply.
    pub(super) fn is_end(self, token: u32) -> bool {
        token == self.end || token == self.begin
    }

    /// The prompt that asks for the next reply to `messages`.
    pub(super) fn prompt<'m>(
        self,
        tokens: &Tokens,
        messages: impl IntoIterator<Item = &'m Message>,
    ) -> Result<Vec<u32>, tokenizers::Error> {
        let mut messages = messages.into_iter().peekable();
        let mut out = Vec::new();
        if messages
            .peek()
            .is_none_or(|first| first.role() != Role::System)
        {
            let system = Message::system(DEFAULT_SYSTEM);
            self.message(tokens, &system, &mut out)?;
        }
        for message in messages {
            self.message(tokens, message, &mut out)?;
        }
        out.push(self.begin);
        out.extend(tokens.encode("assistant\n")?);
        Ok(out)
    }

    /// Appends one message.
    pub(super) fn message(
        self,
        tokens: &Tokens,
        message: &Message,
        out: &mut Vec<u32>,
    ) -> Result<(), tokenizers::Error> {
        out.push(self.begin);
        out.extend(tokens.encode(&spoken(message))?);
        out.push(self.end);
        out.extend(tokens.encode("\n")?);
        Ok(())
    }
}

/// Who speaks, and what; tools speak as Qwen2.5 was taught.
fn spoken(message: &Message) -> String {
    let text = message.text();
    match message.role() {
        Role::System => format!("system\n{text}"),
        Role::Human => format!("user\n{text}"),
        Role::Tool => format!("user\n<tool_response>\n{text}\n</tool_response>"),
        Role::Ai => {
            let mut out = format!("assistant\n{text}");
            for call in &message.tool_calls {
                let call = serde_json::json!({"name": call.name, "arguments": call.args});
                out.push_str(&format!("\n<tool_call>\n{call}\n</tool_call>"));
            }
            out
        }
    }
}
