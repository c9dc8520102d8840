//! What tasks wrote at a checkpoint and is in no later one: of a run that stands in the middle, or of a list that is
//! kept as its changes.

use everthread_store::TRANSCRIPT;
use everthread_store::langgraph::{Checkpoints, Line};

use super::checkpoint::State;
use super::form;
use super::loss::Losses;
use super::message::{self, Edit};
use crate::error::BackupError;

/// The channel with the summary.
pub(super) const SUMMARY: &str = "summary";

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// To the messages.
    pub(super) edits: Vec<Edit>,
    /// To the summary: the last of it, as JSON.
    pub(super) summary: Option<String>,
    /// How many elements are no messages.
    pub(super) none: u64,
    /// Why something cannot be read.
    pub(super) unreadable: Vec<String>,
    /// Whether a task waits for an answer or has failed.
    pub(super) stopped: bool,
}

/// What tasks wrote at a checkpoint.
pub(super) fn written(
    file: &dyn Checkpoints,
    line: &Line,
    id: &str,
    losses: &mut Losses,
) -> Result<Pending, BackupError> {
    let mut pending = Pending::default();
    for put in file.writes(line, id)? {
        let is_list = match put.channel.as_str() {
            "__interrupt__" | "__error__" => {
                pending.stopped = true;
                continue;
            }
            TRANSCRIPT => true,
            SUMMARY => false,
            _ => continue,
        };
        match form::to_json(&put.value, losses) {
            Ok(Some(text)) if is_list => pending.say(&text),
            Ok(text) => pending.summary = text,
            Err(why) => pending.unreadable.push(why),
        }
    }
    Ok(pending)
}

impl Pending {
    /// An input that no step has taken in yet.
    pub(super) fn take_input(&mut self, state: &State<'_>) {
        let Some(input) = state.channel_values.get("__start__") else {
            return;
        };
        let fields: serde_json::Result<std::collections::BTreeMap<String, Box<_>>> =
            serde_json::from_str(input.get());
        let Ok(fields) = fields else {
            return;
        };
        let field = |name: &str| -> Option<&serde_json::value::RawValue> {
            fields.get(name).map(|value| &**value)
        };
        if self.edits.is_empty()
            && let Some(messages) = field(TRANSCRIPT)
        {
            self.say(messages.get());
        }
    }

    fn say(&mut self, text: &str) {
        let (edits, none) = message::read_write(text);
        self.edits.extend(edits);
        self.none += none;
    }
}
