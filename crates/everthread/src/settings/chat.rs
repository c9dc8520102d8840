//! `[chat]`

use everthread_chat::ContextPolicy;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// What of a conversation the model sees.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ChatSettings {
    /// The text that opens every context.
    system: String,
    /// Summarise when the model is shown more messages than this; 0 never summarises.
    summarize_above_messages: usize,
    /// Summarise when the messages that the model is shown have more tokens than this; no such limit by default.
    summarize_above_tokens: Option<usize>,
    /// How many of the newest messages stay beside the summary. More stay where a tool call would be parted from its
    /// result.
    keep_last: usize,
    /// Longest reply, in tokens.
    reply_tokens: usize,
    /// Longest summary that the model is asked for, in tokens.
    summary_tokens: usize,
    /// 0 for the likeliest reply each time, up to 2 for the most varied.
    #[serde(deserialize_with = "temperature")]
    temperature: f32,
}

fn temperature<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    let most = ContextPolicy::MAX_TEMPERATURE;
    let said = f32::deserialize(from)?;
    if (0.0..=most).contains(&said) {
        return Ok(said);
    }
    let what = format!("the temperature lies between 0 and {most}, it cannot be {said}");
    Err(D::Error::custom(what))
}

impl ChatSettings {
    pub(super) fn policy(&self) -> ContextPolicy {
        ContextPolicy {
            system: self.system.clone(),
            summarize_above_messages: self.summarize_above_messages,
            summarize_above_tokens: self.summarize_above_tokens,
            keep_last: self.keep_last,
            reply_tokens: self.reply_tokens,
            summary_tokens: self.summary_tokens,
            temperature: self.temperature,
        }
    }
}

impl Default for ChatSettings {
    fn default() -> Self {
        let policy = ContextPolicy::default();
        Self {
            system: policy.system,
            summarize_above_messages: policy.summarize_above_messages,
            summarize_above_tokens: policy.summarize_above_tokens,
            keep_last: policy.keep_last,
            reply_tokens: policy.reply_tokens,
            summary_tokens: policy.summary_tokens,
            temperature: policy.temperature,
        }
    }
}
