//! Who speaks in a message.

use std::fmt;

/// The speaker of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A person.
    Human,
    /// A model.
    Ai,
    /// The application.
    System,
    /// A tool that a model called.
    Tool,
}

impl Role {
    /// The role's name in JSON: `human`, `ai`, `system` or `tool`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Ai => "ai",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }

    /// The role that a name stands for; understands OpenAI's names (`user`, `assistant`, `developer`) and
    /// LangChain's chunk types (`AIMessageChunk`) as well.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "human" | "user" | "HumanMessageChunk" => Some(Self::Human),
            "ai" | "assistant" | "AIMessageChunk" => Some(Self::Ai),
            "system" | "developer" | "SystemMessageChunk" => Some(Self::System),
            "tool" | "ToolMessageChunk" => Some(Self::Tool),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
