//! The transcript.

use everthread_graph::contract::{CheckpointId, Json, RunId};

/// One message of a transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMessage {
    /// Its number in the thread, given at commit, ascending.
    pub seq: u64,
    /// Its id: what the client chose, or a UUIDv7.
    pub id: String,
    /// The message as JSON, without its id.
    pub body: Json,
    /// When it was committed, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The run that wrote it.
    pub run: Option<RunId>,
}

/// Which messages.
#[derive(Debug, Clone, Default)]
pub struct ReadMessages {
    /// At this checkpoint; `None` for the head.
    pub at: Option<CheckpointId>,
    /// Only those before this one, for paging backwards.
    pub before_seq: Option<u64>,
    /// At most so many, the newest of them; `None` for all.
    pub limit: Option<usize>,
}
