//! What a model answers.

use crate::Message;

/// A whole reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The reply, of role `ai`, without an id. Real models fill `usage_metadata` and `response_metadata`
    /// (`model_name`, `finish_reason`); scripted ones leave them empty.
    pub message: Message,
    /// Why the model stopped.
    pub finish: Finish,
}

/// Why a model stopped speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finish {
    /// It had said everything.
    Stop,
    /// It reached the limit of tokens.
    Length,
    /// It waits for tools to be run.
    ToolCalls,
    /// Something else, as `response_metadata.finish_reason` says (a content filter, for example).
    Other,
}

impl Reply {
    /// A reply that said everything it wanted to.
    pub fn stop(message: Message) -> Self {
        Self {
            message,
            finish: Finish::Stop,
        }
    }
}
