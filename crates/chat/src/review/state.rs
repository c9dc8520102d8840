//! The state of a conversation in which a person has the last word.

use std::sync::Arc;

use everthread_graph::State;
use everthread_model::Message;
use serde::{Deserialize, Serialize};

use crate::state::{recent, says_something};
use crate::{Messages, UserProfile};

/// The state of a conversation in which a person has the last word.
#[derive(State)]
pub struct ReviewState {
    /// All that was said; drafts are not among it.
    #[state(list)]
    pub messages: Messages,
    /// What stands for the messages up to and including `summarized_until`.
    pub summary: Option<String>,
    /// The id of the last message that the summary covers.
    pub summarized_until: Option<String>,
    /// The draft that waits for a person, a message.
    pub draft: Option<Message>,
    /// Drafts that were rejected since the last reply.
    pub rejected: Vec<Rejected>,
    /// What an input tells of the user: it changes the stored profile, and is in force at once.
    #[state(ephemeral)]
    pub user_profile: Option<UserProfile>,
}

/// A draft that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The id of the message that it was a reply to.
    pub to: Option<String>,
    /// Its text.
    pub draft: String,
    /// What the person said of it; empty for nothing.
    pub note: String,
}

impl Rejected {
    /// What the model is told.
    pub(super) fn to_text(&self) -> String {
        let mut text = "This reply was not approved.".to_owned();
        if !self.note.is_empty() {
            text += &format!(" {}", self.note);
        }
        text + " Write another reply to the message before it."
    }
}

impl ReviewStateUpdate {
    /// As in the chat graph: somebody must say something.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn check(&self) -> Result<(), String> {
        says_something(self.messages.as_ref())
    }
}

impl ReviewState {
    /// The messages that no summary stands for, oldest first.
    pub(super) fn recent(&self) -> Vec<Arc<Message>> {
        recent(&self.messages, self.summarized_until.as_deref())
    }

    /// The rejected drafts of a reply to the last message: those of a turn that was given up do not count.
    pub(super) fn rejected_now(&self) -> Vec<Rejected> {
        let to = self.messages.last().and_then(|message| message.id.clone());
        let now = self.rejected.iter().filter(|rejected| rejected.to == to);
        now.cloned().collect()
    }

    /// A draft with what was said of it.
    pub(super) fn rejected(&self, draft: &Message, note: String) -> Rejected {
        Rejected {
            to: self.messages.last().and_then(|message| message.id.clone()),
            draft: draft.text().into_owned(),
            note,
        }
    }
}
