//! Threads as people see them in a list.

use everthread_graph::contract::{CheckpointId, Json, ThreadId};

/// One conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    /// Its id, unique for its user.
    pub id: ThreadId,
    /// Its title, once it has one.
    pub title: Option<String>,
    /// Listed first and never removed by retention.
    pub pinned: bool,
    /// Left out of lists unless asked for.
    pub archived: bool,
    /// Free metadata, a JSON object.
    pub metadata: Option<Json>,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Messages in the transcript of the head.
    pub messages: u64,
    /// Runs that came to rest.
    pub turns: u64,
    /// The head of the thread's own graph.
    pub head: Option<CheckpointId>,
    /// Branches that were ever begun, the first included.
    pub branches: u64,
}

/// Which threads.
#[derive(Debug, Clone)]
pub struct ListThreads {
    /// Archived ones too.
    pub archived: bool,
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for ListThreads {
    fn default() -> Self {
        Self {
            archived: false,
            offset: 0,
            limit: 100,
        }
    }
}

/// A change to a thread; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ThreadPatch {
    /// The new title.
    pub title: Option<String>,
    /// Whether it is pinned.
    pub pinned: Option<bool>,
    /// Whether it is archived.
    pub archived: Option<bool>,
    /// The new metadata, as a whole.
    pub metadata: Option<Json>,
}

/// What a deletion removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Messages, on all branches.
    pub messages: u64,
    /// Checkpoints, of all namespaces.
    pub checkpoints: u64,
    /// Runs.
    pub runs: u64,
}
