//! Runs as they are kept.

use everthread_graph::contract::{CheckpointId, Json, Multitask, RunId};

/// One execution of a graph on a thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The graph's name.
    pub graph: String,
    /// How it stands.
    pub status: RunStatus,
    /// Its input, kept only while it waits.
    pub input: Option<Json>,
    /// The head before it began; `None` when the thread was new or the run has not begun.
    pub base: Option<CheckpointId>,
    /// When it was asked for, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// When it came to rest.
    pub ended_ms: Option<i64>,
    /// Why it failed, or which other run stopped it.
    pub error: Option<String>,
    /// What was to happen when it found another run active.
    pub policy: Multitask,
    /// What is kept with it for whoever asked for it.
    pub details: Option<Json>,
    /// It does not begin before this time; `None` when it was to begin at once.
    pub starts_ms: Option<i64>,
}

/// Runs of one thread that a process took over from those that are gone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claimed {
    /// The one that was active; its last checkpoint stands.
    pub active: Option<Run>,
    /// Those that waited, with their inputs, oldest first.
    pub waiting: Vec<Run>,
}

impl Claimed {
    /// Whether nothing was left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_none() && self.waiting.is_empty()
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// It waits for its turn.
    Pending,
    /// It is the thread's active run.
    Running,
    /// It came to rest.
    Success,
    /// It waits for a person, or another run stopped it.
    Interrupted,
    /// It was cancelled.
    Cancelled,
    /// It failed.
    Error,
    /// Its process went away while it was active; its last checkpoint stands.
    Orphaned,
    /// A later run took its place and took back what it had done.
    RolledBack,
}

impl RunStatus {
    const ALL: [Self; 8] = [
        Self::Pending,
        Self::Running,
        Self::Success,
        Self::Interrupted,
        Self::Cancelled,
        Self::Error,
        Self::Orphaned,
        Self::RolledBack,
    ];

    /// The name at rest and in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Success => "success",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
            Self::Orphaned => "orphaned",
            Self::RolledBack => "rolled_back",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Which runs.
#[derive(Debug, Clone)]
pub struct RunQuery {
    /// Of these statuses only; empty for all.
    pub statuses: Vec<RunStatus>,
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for RunQuery {
    /// The newest 100.
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            offset: 0,
            limit: 100,
        }
    }
}

/// One thing that a run told those who follow it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvent {
    /// Its number in the run, ascending; the numbers may have gaps.
    pub seq: u64,
    /// What it told: opaque to the store, given back as it is.
    pub body: Json,
}
