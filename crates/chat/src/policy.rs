//! What of a conversation the model is shown: the limits, as a deployment sets them.

use serde::Deserialize;

/// When a conversation is summarised and what stays beside the summary.
///
/// By default all but the last 2 messages are summarised above 6.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextPolicy {
    /// The text that opens every context.
    pub system: String,
    /// Summarise when the model is shown more messages than this; 0 never summarises.
    pub summarize_above_messages: usize,
    /// Summarise when the messages that the model is shown have more tokens than this; `None` for no
    /// such limit.
    pub summarize_above_tokens: Option<usize>,
    /// How many of the newest messages stay beside the summary. More stay where a tool call would be
    /// parted from its result.
    pub keep_last: usize,
    /// Longest reply, in tokens.
    pub reply_tokens: usize,
    /// Longest summary that the model is asked for, in tokens.
    pub summary_tokens: usize,
    /// 0 for the likeliest reply each time, up to 2 for the most varied.
    pub temperature: f32,
}

impl ContextPolicy {
    /// The hottest that a model may be asked to be.
    pub const MAX_TEMPERATURE: f32 = 2.0;
}

impl Default for ContextPolicy {
    fn default() -> Self {
        Self {
            system: "You are a helpful assistant. You remember what the user told you and use it \
                     to answer. Be brief."
                .into(),
            summarize_above_messages: 6,
            summarize_above_tokens: None,
            keep_last: 2,
            reply_tokens: 512,
            summary_tokens: 200,
            temperature: 0.0,
        }
    }
}
