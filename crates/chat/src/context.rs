//! The context: exactly what is sent to the model for a turn.
//!
//! System text, profile, summary and recent messages, in this order, so that what changes least comes first
//! and a model that keeps its prompt state reads only what is new.

use std::sync::Arc;

use everthread_graph::contract::Json;
use everthread_model::{ChatModel, Message, ModelError, Role, fit};
use serde_json::{Map, Value};

use crate::ContextPolicy;
use crate::summary::shortened;

/// Of a model's window, one message is shown at most this part: it may be cut, the turn goes on.
const LARGEST_SHARE: usize = 2;
/// Characters of a message that certainly fit into a token of the window.
const CHARS_PER_TOKEN: usize = 2;

/// Who is spoken to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// What to call them.
    pub name: Option<String>,
    /// `interests`, `tone`, `language`, `length` and what else the deployment knows.
    pub preferences: Map<String, Value>,
}

/// What is sent to the model for a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The messages, in order.
    pub messages: Vec<Arc<Message>>,
}

impl Profile {
    /// A profile from what a store knows of a user; preferences that are no JSON object are left out.
    #[must_use]
    pub fn new(name: Option<String>, preferences: Option<&Json>) -> Self {
        let preferences = preferences.and_then(|json| json.read().ok());
        Self {
            name,
            preferences: preferences.unwrap_or_default(),
        }
    }

    fn to_text(&self) -> String {
        let mut lines = Vec::new();
        if let Some(name) = &self.name {
            lines.push(format!("The user's name is {name}."));
        }
        for (key, value) in &self.preferences {
            lines.push(format!("The user's {key}: {}.", plain(value)));
        }
        lines.join("\n")
    }

    /// How to write for this user: tone, language and length, as a sentence; empty when nothing is set.
    #[must_use]
    pub fn style(&self) -> String {
        ["tone", "language", "length", "interests"]
            .iter()
            .filter_map(|key| Some(format!("{key}: {}", plain(self.preferences.get(*key)?))))
            .collect::<Vec<_>>()
            .join("; ")
    }
}

impl Context {
    /// What the model is shown: `recent` are the messages that no summary stands for.
    ///
    /// It fits the model's window with room for the reply: a message too long for the window is cut in its
    /// middle, then the oldest of `recent` are left out, never parting a tool call from its result.
    ///
    /// # Errors
    /// `ContextTooLong` when not even the system text and the last message fit.
    pub fn build(
        model: &dyn ChatModel,
        policy: &ContextPolicy,
        profile: &Profile,
        summary: Option<&str>,
        recent: &[Arc<Message>],
    ) -> Result<Self, ModelError> {
        let room = model.window_tokens().saturating_sub(policy.reply_tokens);
        let longest_chars = room / LARGEST_SHARE * CHARS_PER_TOKEN;
        let mut messages = Vec::with_capacity(recent.len() + 1);
        messages.push(Arc::new(Message::system(opening(policy, profile, summary))));
        messages.extend(recent.iter().map(|message| shown(message, longest_chars)));
        if model.count_tokens(&messages) > room {
            messages = fit(model, &messages, policy.reply_tokens)?;
        }
        Ok(Self { messages })
    }
}

fn opening(policy: &ContextPolicy, profile: &Profile, summary: Option<&str>) -> String {
    let mut text = policy.system.clone();
    let profile = profile.to_text();
    if !profile.is_empty() {
        text += &format!("\n\n{profile}");
    }
    if let Some(summary) = summary.filter(|summary| !summary.is_empty()) {
        text += &format!("\n\nWhat you know from the conversation so far:\n{summary}");
    }
    text
}

fn shown(message: &Arc<Message>, longest_chars: usize) -> Arc<Message> {
    let text = message.text();
    if text.len() <= longest_chars || message.role() == Role::System {
        return Arc::clone(message);
    }
    let short = shortened(&text, longest_chars);
    Arc::new(Message {
        content: short.into(),
        ..(**message).clone()
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_profile_reads_as_sentences() {
        let preferences = Json::parse(r#"{"interests":["Python","chess"],"tone":"dry"}"#);
        let profile = Profile::new(Some("Anna".into()), preferences.ok().as_ref());
        assert_eq!(
            profile.to_text(),
            "The user's name is Anna.\nThe user's interests: Python, chess.\nThe user's tone: dry."
        );
        assert_eq!(profile.style(), "tone: dry; interests: Python, chess");
        assert_eq!(plain(&json!({"a": 1})), r#"{"a":1}"#);
    }
}
