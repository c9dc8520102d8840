//! The state of the product's chat graph.

use std::sync::Arc;

use everthread_graph::{Edit, Edits, Identify, Keyed, State};
use everthread_model::{Message, Role};

use crate::{ContextPolicy, UserProfile};

/// Where a message carries its id.
#[derive(Debug, Clone, Copy)]
pub struct MessageIds;

impl Identify<Message> for MessageIds {
    fn id(message: &Message) -> Option<&str> {
        message.id.as_deref()
    }

    fn set_id(message: &mut Message, id: String) {
        message.id = Some(id);
    }
}

/// A conversation as a channel: append, replace by id, remove by id.
pub type Messages = Keyed<Message, MessageIds>;

/// The state of a conversation.
///
/// `messages` keeps everything, so that nobody sees a conversation shrink; `summary` and
/// `summarized_until` choose what the model is shown.
#[derive(State)]
pub struct ChatState {
    /// All that was said.
    #[state(list)]
    pub messages: Messages,
    /// What stands for the messages up to and including `summarized_until`.
    pub summary: Option<String>,
    /// The id of the last message that the summary covers.
    pub summarized_until: Option<String>,
    /// What an input tells of the user: it changes the stored profile, and is in force at once.
    #[state(ephemeral)]
    pub user_profile: Option<UserProfile>,
}

impl ChatState {
    /// The messages that no summary stands for, oldest first: the model is shown these.
    #[must_use]
    pub fn recent(&self) -> Vec<Arc<Message>> {
        recent(&self.messages, self.summarized_until.as_deref())
    }

    /// Whether somebody spoke last who waits for a reply.
    #[must_use]
    pub fn awaits_reply(&self) -> bool {
        self.messages
            .last()
            .is_some_and(|message| matches!(message.role(), Role::Human | Role::Tool))
    }
}

impl ChatStateUpdate {
    /// Refuses an input in which nobody says anything: a model that answers nothing invents.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn check(&self) -> Result<(), String> {
        says_something(self.messages.as_ref())
    }
}

/// Whether an input holds a message.
pub(crate) fn says_something(edits: Option<&Edits<Message>>) -> Result<(), String> {
    let says = edits.is_some_and(|edits| edits.iter().any(|edit| matches!(edit, Edit::Put(_))));
    if says {
        return Ok(());
    }
    Err(
        "nothing is said: an input is {\"messages\": [{\"role\": \"user\", \"content\": \"…\"}]} with at least \
         one message; without an input (null) a run goes on where the thread stands"
            .to_owned(),
    )
}

/// The messages after the one that a summary covers last, oldest first.
pub(crate) fn recent(messages: &Messages, until: Option<&str>) -> Vec<Arc<Message>> {
    let last = until.and_then(|id| messages.position(id));
    let from = last.map_or(0, |position| position + 1);
    messages.iter().skip(from).cloned().collect()
}

/// How many of the oldest `recent` messages a summary should take in now; 0 while the limits hold.
///
/// The newest `keep_last` stay, and more where a tool call would be parted from its result.
#[must_use]
pub fn overdue(
    policy: &ContextPolicy,
    recent: &[Arc<Message>],
    tokens: impl FnOnce() -> usize,
) -> usize {
    let by_messages =
        policy.summarize_above_messages > 0 && recent.len() > policy.summarize_above_messages;
    let by_tokens = || {
        policy
            .summarize_above_tokens
            .is_some_and(|limit| tokens() > limit)
    };
    if !by_messages && !by_tokens() {
        return 0;
    }
    let mut covered = recent.len().saturating_sub(policy.keep_last);
    while covered > 0
        && recent
            .get(covered)
            .is_some_and(|first| first.role() == Role::Tool)
    {
        covered -= 1;
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(messages: impl IntoIterator<Item = Message>) -> Vec<Arc<Message>> {
        messages.into_iter().map(Arc::new).collect()
    }

    #[test]
    fn above_six_messages_all_but_the_last_two_are_summarised() {
        let policy = ContextPolicy::default();
        let talk = |n: usize| said((0..n).map(|i| Message::human(format!("{i}"))));
        assert_eq!(overdue(&policy, &talk(6), || 0), 0);
        assert_eq!(overdue(&policy, &talk(7), || 0), 5);
        assert_eq!(overdue(&policy, &talk(8), || 0), 6);
    }

    #[test]
    fn a_limit_in_tokens_counts_tokens() {
        let policy = ContextPolicy {
            summarize_above_messages: 0,
            summarize_above_tokens: Some(100),
            ..ContextPolicy::default()
        };
        let talk = said((0..4).map(|i| Message::human(format!("{i}"))));
        assert_eq!(overdue(&policy, &talk, || 100), 0);
        assert_eq!(overdue(&policy, &talk, || 101), 2);
    }

    #[test]
    fn a_tool_call_is_not_parted_from_its_results() {
        let policy = ContextPolicy::default();
        let mut talk: Vec<Message> = (0..5).map(|i| Message::human(format!("{i}"))).collect();
        talk.extend([
            Message::ai("calls two tools"),
            Message::tool("a", "1"),
            Message::tool("b", "2"),
        ]);
        assert_eq!(overdue(&policy, &said(talk), || 0), 5);
    }
}
