//! The rows of a checkpoint database that LangGraph wrote, as they lie: a store's crate reads them, since it knows the
//! driver; what they mean is left to whoever imports them.
//!
//! Somebody else wrote the database, so nothing of it is believed: a value that is too large is not read, and nothing
//! that it defines is run. Nothing is written to it.

use crate::StoreError;

/// A checkpoint database of LangGraph at one moment.
pub trait Checkpoints: Send {
    /// All lines of checkpoints, those of subgraphs included.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`; so for all that follow.
    fn lines(&self) -> Result<Vec<Line>, StoreError>;

    /// The ids of a line's checkpoints, each with its parent's, in ascending order.
    ///
    /// # Errors
    /// As for [`Self::lines`].
    fn ids(&self, line: &Line) -> Result<Vec<(String, Option<String>)>, StoreError>;

    /// A checkpoint of a line.
    ///
    /// # Errors
    /// As for [`Self::lines`]; `NotFound` when it is not there.
    fn checkpoint(&self, line: &Line, id: &str) -> Result<StoredCheckpoint, StoreError>;

    /// What tasks wrote at a checkpoint, in the order in which it counts.
    ///
    /// # Errors
    /// As for [`Self::lines`]; `Invalid` when it is too much.
    fn writes(&self, line: &Line, id: &str) -> Result<Vec<Put>, StoreError>;

    /// How many values of long-term memory lie beside the checkpoints.
    ///
    /// # Errors
    /// As for [`Self::lines`].
    fn memories(&self) -> Result<u64, StoreError>;
}

/// The longest name that is read, in characters. No name of ours is longer.
pub const MAX_NAME: usize = 255;

/// The largest value that is read, and the most that is read of what was written at one checkpoint, in bytes.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Checkpoints that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The thread; cut off behind [`MAX_NAME`] where it is longer, so that it still is too long.
    pub thread: String,
    /// The namespace; empty for the thread's own graph.
    pub namespace: String,
    /// How many checkpoints it has.
    pub checkpoints: u64,
}

/// A value with the name of how it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredValue {
    /// How it is written: `msgpack`, `json` and others.
    pub form: Option<String>,
    /// The value; `None` where there is none, or one that is too large.
    pub bytes: Option<Vec<u8>>,
}

/// A checkpoint as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredCheckpoint {
    /// All of its state.
    pub body: StoredValue,
    /// What is said of it: JSON.
    pub metadata: Option<Vec<u8>>,
}

/// What a task wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// To which channel.
    pub channel: String,
    /// What.
    pub value: StoredValue,
}
