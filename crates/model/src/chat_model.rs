//! The one seam behind which every chat model stands.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{ChatRequest, Message, ModelError, Reply, TokenSink};

/// A model that answers a conversation.
///
/// One call is one attempt: a [`Fallback`](crate::Fallback) is what retries.
/// Dropping the future of [`generate`](Self::generate) cancels the generation, also one that runs on a
/// thread of its own.
#[async_trait]
pub trait ChatModel: Send + Sync + Debug {
    /// The model's name as a specification spells it, such as `openai:gpt-4o-mini` or `scripted:echo`.
    fn name(&self) -> &str;

    /// How many tokens fit into the model's window: the prompt and the reply together.
    fn window_tokens(&self) -> usize;

    /// How many tokens these messages take in a prompt, the template around them included. Exact where the
    /// model's tokenizer is at hand, otherwise an estimate (see [`estimate_tokens`](crate::estimate_tokens)).
    fn count_tokens(&self, messages: &[Arc<Message>]) -> usize;

    /// Whether it calls the tools of a request; `false` by default. A model without tools ignores them: whoever asks
    /// on somebody's behalf refuses such a request first.
    fn has_tools(&self) -> bool {
        false
    }

    /// Answers the request. `sink` hears the text as it comes; the reply holds all of it.
    ///
    /// # Errors
    ///
    /// Whatever kept the model from answering, see [`ModelErrorKind`](crate::ModelErrorKind). After an error
    /// the sink may have heard a part of a reply.
    async fn generate(
        &self,
        request: ChatRequest,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError>;

    /// Makes the first reply quick: loads weights, opens connections. Calling it is never necessary.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate), when the model cannot be made ready.
    async fn warm(&self) -> Result<(), ModelError> {
        Ok(())
    }
}
