//! What a server sends: chunks of a streamed reply, or a whole one, which is read as a single chunk.

use serde::Deserialize;
use serde_json::Value;

/// A piece of a reply. Everything may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk {
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) usage: Option<Value>,
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    pub(super) index: Option<u32>,
    /// In a whole reply it is called `message`.
    #[serde(alias = "message")]
    pub(super) delta: Option<Said>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CallPiece {
    pub(super) index: Option<usize>,
    pub(super) id: Option<String>,
    pub(super) function: Option<FunctionPiece>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionPiece {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

/// Reads a chunk.
pub(super) fn parse(data: &str) -> serde_json::Result<Chunk> {
    serde_json::from_str(data)
}
