//! Full-text search.

use everthread_graph::contract::{CheckpointId, Json, ThreadId};

/// Length of a snippet, in characters, at most.
pub const SNIPPET_CHARS: usize = 160;

/// What to look for.
#[derive(Debug, Clone)]
pub struct Search {
    /// Words; all must occur in a message. A word that ends in `*` matches words that begin so.
    pub words: String,
    /// In this thread only; `None` for all of the user's.
    pub thread: Option<ThreadId>,
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// One message found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The thread it is in.
    pub thread: ThreadId,
    /// The thread's title.
    pub title: Option<String>,
    /// Its number in the thread.
    pub seq: u64,
    /// `None` where it is read at the head. A message of another branch is read at this checkpoint, the newest of its
    /// branch.
    pub checkpoint: Option<CheckpointId>,
    /// The message as JSON, without its id.
    pub body: Json,
    /// The part of its text around the first word found, at most [`SNIPPET_CHARS`] long.
    pub snippet: String,
    /// Where in the snippet the words stand, as byte ranges.
    pub marks: Vec<std::ops::Range<usize>>,
    /// When it was committed, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
}
