//! What came over, and what could not.

use std::collections::{BTreeMap, BTreeSet};

use super::loss::Loss;
use super::owner::NamedBy;

/// What is told one by one.
const MAX_TOLD: usize = 1_000;

/// What a translation brought over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translated {
    /// Conversations.
    pub conversations: u64,
    /// Their checkpoints.
    pub checkpoints: u64,
    /// Their messages, on all branches.
    pub messages: u64,
    /// How many conversations have their user from where.
    pub owners: BTreeMap<NamedBy, u64>,
    /// What could not be brought over as it was.
    pub left: Vec<LeftOut>,
}

/// Something that could not be brought over as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// In which thread of the file; `None` for the file itself, or where there is too much to tell.
    pub thread: Option<String>,
    /// What.
    pub what: Left,
    /// How many.
    pub count: u64,
    /// Why, or what became of it: for people.
    pub why: String,
}

/// What could not be brought over as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Left {
    /// A conversation.
    Conversation,
    /// A checkpoint of one.
    Checkpoint,
    /// A run that stands in the middle.
    Run,
    /// An element of the list of messages.
    Message,
    /// A channel.
    Channel,
    /// Part of a value.
    Value,
    /// A user's id.
    User,
    /// Checkpoints of a subgraph.
    Subgraph,
    /// A value of long-term memory.
    Memory,
}

impl Left {
    /// The name for machines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Checkpoint => "checkpoint",
            Self::Run => "run",
            Self::Message => "message",
            Self::Channel => "channel",
            Self::Value => "value",
            Self::User => "user",
            Self::Subgraph => "subgraph",
            Self::Memory => "memory",
        }
    }
}

/// Gathers what is left out.
#[derive(Default)]
pub(super) struct Leaving {
    told: BTreeMap<(Option<String>, Left, String), u64>,
    more: BTreeMap<Left, u64>,
}

impl Leaving {
    /// So many of a thread.
    pub(super) fn note(&mut self, thread: &str, what: Left, count: u64, why: impl Into<String>) {
        if count == 0 {
            return;
        }
        let key = (Some(thread.to_owned()), what, why.into());
        if self.told.len() >= MAX_TOLD && !self.told.contains_key(&key) {
            *self.more.entry(what).or_default() += count;
            return;
        }
        *self.told.entry(key).or_default() += count;
    }

    /// What values of a thread lost.
    pub(super) fn losses(&mut self, thread: &str, losses: &BTreeSet<Loss>) {
        for loss in losses {
            self.note(thread, Left::Value, 1, loss.told());
        }
    }

    /// Values of long-term memory.
    pub(super) fn memories(&mut self, count: u64) {
        if count > 0 {
            let why = "long-term memory lies beside the conversations and belongs to none of them: put it through the \
                       store interface";
            self.told
                .insert((None, Left::Memory, why.to_owned()), count);
        }
    }

    pub(super) fn into_list(self) -> Vec<LeftOut> {
        let told = self
            .told
            .into_iter()
            .map(|((thread, what, why), count)| LeftOut {
                thread,
                what,
                count,
                why,
            });
        let more = self.more.into_iter().map(|(what, count)| LeftOut {
            thread: None,
            what,
            count,
            why: "and more, which is not told one by one".to_owned(),
        });
        told.chain(more).collect()
    }
}
