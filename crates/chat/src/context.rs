//! The context: exactly what is sent to the model for a turn.
//!
//! System text, profile, summary and recent messages, in this order, so that what changes least comes first
//! and a model that keeps its prompt state reads only what is new.

use std::sync::Arc;

use everthread_model::{ChatModel, Message, ModelError, Role, fit};
use serde_json::Value;
use uuid::Uuid;

use crate::summary::shortened;
use crate::{ContextPolicy, Profile};

/// Of the room in a model's window, one message gets at most this part: it may be cut, the turn goes on.
const LARGEST_SHARE: usize = 2;
/// A message with more characters than this for each token of its room is cut before its tokens are counted, which
/// takes time for megabytes.
const CHARS_PER_TOKEN: usize = 8;
/// The field of a reply's metadata that names the context it was given for.
const FINGERPRINT: &str = "context";

/// What is sent to the model for a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The messages, in order.
    pub messages: Vec<Arc<Message>>,
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
        let longest = room / LARGEST_SHARE;
        let mut messages = Vec::with_capacity(recent.len() + 1);
        messages.push(Arc::new(Message::system(opening(policy, profile, summary))));
        messages.extend(recent.iter().map(|message| shown(model, message, longest)));
        if model.count_tokens(&messages) > room {
            messages = fit(model, &messages, policy.reply_tokens)?;
        }
        Ok(Self { messages })
    }

    /// Notes on a reply which context it was given for.
    pub(crate) fn sign(&self, reply: &mut Message) {
        let name = self.fingerprint().into();
        reply.response_metadata.insert(FINGERPRINT.into(), name);
    }

    /// Whether a reply was given for this very context; yes for a reply that does not tell.
    pub(crate) fn is_what_was_sent_for(&self, reply: &Message) -> bool {
        let noted = reply.response_metadata.get(FINGERPRINT);
        noted.is_none_or(|noted| *noted == Value::String(self.fingerprint()))
    }

    /// A short name of these messages' roles and texts.
    fn fingerprint(&self) -> String {
        let mut said = String::new();
        for message in &self.messages {
            said += &format!("{}\u{0}{}\u{0}", message.role(), message.text());
        }
        let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, said.as_bytes());
        name.simple().to_string()[..16].to_owned()
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

/// The message, without its middle where it has more tokens than `longest`.
fn shown(model: &dyn ChatModel, message: &Arc<Message>, longest: usize) -> Arc<Message> {
    let text = message.text();
    // No token has less than a byte.
    if text.len() <= longest || message.role() == Role::System {
        return Arc::clone(message);
    }
    let mut chars = longest * CHARS_PER_TOKEN;
    let mut cut = Arc::clone(message);
    while text.chars().count() > chars || model.count_tokens(std::slice::from_ref(&cut)) > longest {
        if text.chars().count() > chars {
            cut = Arc::new(Message {
                content: shortened(&text, chars).into(),
                ..(**message).clone()
            });
            if model.count_tokens(std::slice::from_ref(&cut)) <= longest {
                break;
            }
        }
        chars /= 2;
        if chars == 0 {
            break;
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_of_any_script_is_cut_to_fit() {
        let model = everthread_model::scripted::Scripted::echo();
        let policy = ContextPolicy::default();
        for text in ["😀日本語", "0123456789", "word ", "\u{0}"] {
            let long = [Arc::new(Message::human(
                text.repeat(2_000_000 / text.len()),
            ))];
            let built = Context::build(&model, &policy, &Profile::default(), None, &long);
            let context = built.expect("it fits");
            assert_eq!(context.messages.len(), 2, "{text:?}");
            let cut = context.messages[1].text();
            assert!(cut.contains("characters left out"), "{text:?}");
            assert!(
                cut.len() > 10_000,
                "{text:?} was cut too much: {}",
                cut.len()
            );
        }
    }

    #[test]
    fn a_reply_tells_which_context_it_was_given_for() {
        let context = |text: &str| Context {
            messages: vec![Arc::new(Message::human(text))],
        };
        let mut reply = Message::ai("yes");
        assert!(context("a").is_what_was_sent_for(&reply));
        context("a").sign(&mut reply);
        assert!(context("a").is_what_was_sent_for(&reply));
        assert!(!context("b").is_what_was_sent_for(&reply));
    }
}
