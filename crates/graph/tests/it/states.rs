//! States and nodes that several tests use.

use everthread_graph::{Entry, Keyed, List, State};
use serde::{Deserialize, Serialize};

/// A message, as short as it can be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub text: String,
}

impl Note {
    pub fn new(id: &str, text: &str) -> Self {
        Self {
            id: Some(id.to_owned()),
            text: text.to_owned(),
        }
    }

    pub fn anonymous(text: &str) -> Self {
        Self {
            id: None,
            text: text.to_owned(),
        }
    }
}

impl Entry for Note {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn set_id(&mut self, id: String) {
        self.id = Some(id);
    }
}

fn add(old: u64, new: u64) -> u64 {
    old + new
}

/// One channel of each kind.
#[derive(State)]
pub struct Board {
    pub notes: Keyed<Note>,
    /// What was done.
    pub log: List<String>,
    pub title: Option<String>,
    #[state(reducer = add)]
    pub total: u64,
    #[state(ephemeral)]
    pub hint: Option<String>,
    #[state(untracked)]
    pub scratch: u32,
}

impl Board {
    pub fn lines(&self) -> Vec<&str> {
        self.log.iter().map(|line| line.as_str()).collect()
    }

    pub fn texts(&self) -> Vec<&str> {
        self.notes.iter().map(|note| note.text.as_str()).collect()
    }
}

pub fn log(line: &str) -> BoardUpdate {
    Board::update().log(line.to_owned())
}
