//! Threads as people see them in a list.

use everthread_graph::contract::{CheckpointId, Json, ThreadId};

use crate::RunStatus;

/// How a thread stands, as its runs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThreadStatus {
    /// Nothing goes on, and its last run came to rest.
    Idle,
    /// A run is active or waits.
    Busy,
    /// Its last run waits for a person or was stopped.
    Interrupted,
    /// Its last run failed.
    Error,
}

impl ThreadStatus {
    const ALL: [Self; 4] = [Self::Idle, Self::Busy, Self::Interrupted, Self::Error];

    /// The name in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Interrupted => "interrupted",
            Self::Error => "error",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// How a thread stands on which nothing goes on, by its last run.
    #[must_use]
    pub fn after(last: Option<RunStatus>) -> Self {
        match last {
            Some(RunStatus::Interrupted | RunStatus::Cancelled) => Self::Interrupted,
            // One whose process is gone, and that nobody went on with, did not come to its end either.
            Some(RunStatus::Error | RunStatus::Orphaned) => Self::Error,
            _ => Self::Idle,
        }
    }
}

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
    /// How it stands.
    pub status: ThreadStatus,
    /// Why its last run failed, when that is how it stands.
    pub error: Option<String>,
    /// When the newest of its messages was committed, on whichever branch.
    pub last_message_ms: Option<i64>,
    /// When it may be removed; `None` for never. Nothing removes it by itself.
    pub expires_ms: Option<i64>,
}

/// What a new thread begins with.
#[derive(Debug, Clone, Default)]
pub struct NewThread {
    /// Its title; `None` for none yet.
    pub title: Option<String>,
    /// Free metadata, a JSON object.
    pub metadata: Option<Json>,
    /// When it may be removed, in milliseconds since 1970-01-01 UTC; `None` for never.
    pub expires_ms: Option<i64>,
}

/// Which threads, and in which order.
#[derive(Debug, Clone)]
pub struct FindThreads {
    /// Of these ids only; empty for any.
    pub ids: Vec<ThreadId>,
    /// Whose metadata contain this: each field of an object, each element of an array in one of those there, any
    /// other value as it is. A thread without metadata is like one with an empty object. `None` for any.
    pub metadata: Option<Json>,
    /// That stand so; `None` for any.
    pub status: Option<ThreadStatus>,
    /// By what they are ordered. Those that are alike are ordered by when they were created.
    pub sort_by: ThreadSort,
    /// Whether the highest comes first.
    pub descending: bool,
    /// Archived ones too.
    pub archived: bool,
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for FindThreads {
    /// The 100 that changed last, without those that are archived.
    fn default() -> Self {
        Self {
            ids: Vec::new(),
            metadata: None,
            status: None,
            sort_by: ThreadSort::default(),
            descending: true,
            archived: false,
            offset: 0,
            limit: 100,
        }
    }
}

/// By what threads are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThreadSort {
    /// When they were created.
    Created,
    /// When they last changed.
    #[default]
    Updated,
    /// Their ids, as text.
    Id,
    /// The names of their statuses, as text.
    Status,
}

/// Some of the threads that were looked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThreadPage {
    /// These.
    pub threads: Vec<Thread>,
    /// How many there are in all.
    pub total: u64,
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
    /// Fields of the metadata, a JSON object: each takes the place of what the field held, the others stay.
    pub merge_metadata: Option<Json>,
    /// When it may be removed, in milliseconds since 1970-01-01 UTC.
    pub expires_ms: Option<i64>,
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
