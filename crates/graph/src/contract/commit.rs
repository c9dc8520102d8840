//! What is written in one transaction: a step, or what its tasks left before it ended; and what it means for the
//! run that writes it.

use super::{ChannelChange, Checkpoint, CheckpointId, Json, RunId, TaskWrites, ThreadKey};

/// One step: a checkpoint, the changes that lead to it from its parent, and the state of the run; all or nothing.
///
/// Where the parent is not the head, a new branch begins at the parent.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The thread; it and its user are created when they are new.
    pub key: ThreadKey,
    /// The new checkpoint, which becomes the head of its namespace.
    pub checkpoint: Checkpoint,
    /// The head of the namespace as the writer knows it; `None` when the namespace has none yet. Anything else in
    /// the store is a conflict.
    pub expected: Option<CheckpointId>,
    /// The channels that change, each at most once. The others stay as they are at the parent.
    pub changes: Vec<ChannelChange>,
    /// What this means for the run.
    pub run: RunMark,
}

/// What tasks left at the head of a namespace before their step is committed: results, interrupts, answers, errors.
/// It may be empty and only mark the end of a run.
#[derive(Debug, Clone)]
pub struct PendingWrites {
    /// The thread.
    pub key: ThreadKey,
    /// The checkpoint that the tasks were computed from; it must be there.
    pub checkpoint: CheckpointId,
    /// What they left.
    pub writes: Vec<TaskWrites>,
    /// What this means for the run.
    pub run: RunMark,
}

/// What a commit means for the run that makes it.
#[derive(Debug, Clone)]
pub enum RunMark {
    /// It is made outside of any run: `Busy` if one is active.
    Outside,
    /// It admits this run, or puts it in the queue and writes nothing else.
    Start(NewRun),
    /// It is a step of the run that holds this fence.
    Step(RunId, Fence),
    /// It is the last of the run.
    End(RunId, Fence, RunOutcome),
}

/// A run that asks to be admitted.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id. Asking again with the id of a queued run asks for that run.
    pub id: RunId,
    /// The graph's name.
    pub graph: String,
    /// What it was called with, kept while it waits, so that a waiting input outlives the process.
    pub input: Json,
    /// What happens when another run is active.
    pub policy: Multitask,
    /// What else is to be kept with the run for as long as it is there: opaque to engine and store. `None` for
    /// nothing.
    pub details: Option<Json>,
}

/// What happens to a run that finds another one active on its thread. The names are LangGraph's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Multitask {
    /// It waits, first in, first out.
    #[default]
    Enqueue,
    /// It is refused as `Busy`.
    Reject,
    /// The other is stopped where it is; what it has committed stays.
    Interrupt,
    /// The other is stopped and the head goes back to where it began.
    Rollback,
}

impl Multitask {
    const ALL: [Self; 4] = [Self::Enqueue, Self::Reject, Self::Interrupt, Self::Rollback];

    /// The name at rest and in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Reject => "reject",
            Self::Interrupt => "interrupt",
            Self::Rollback => "rollback",
        }
    }

    /// The policy of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}

/// The right to write for a run: each admission on a thread gets a higher one, and lower ones are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub i64);

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// It came to rest.
    Success,
    /// It waits for a person, or another run stopped it.
    Interrupted,
    /// It was cancelled.
    Cancelled,
    /// It failed, for this reason.
    Error(String),
}

impl RunOutcome {
    /// The name at rest.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Error(_) => "error",
        }
    }
}
