//! A checkpoint as it is written and as it is read.

use std::sync::Arc;

use super::{CheckpointId, Element, Json, Namespace, RunId, TaskId};

/// A durable, immutable point of a thread's state, without the state.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// A UUIDv7 above every earlier one of the thread.
    pub id: CheckpointId,
    /// Which graph of the thread it belongs to.
    pub ns: Namespace,
    /// The checkpoint that its changes apply to; `None` for the first.
    pub parent: Option<CheckpointId>,
    /// The run that made it; `None` when it was made outside of any run.
    pub run: Option<RunId>,
    /// What made it.
    pub source: Source,
    /// -1 for an input to an empty thread, then one more for each checkpoint of the line.
    pub step: i64,
    /// What runs next: the engine's own notes, which a store keeps and does not read.
    pub plan: Json,
    /// Free metadata of the caller, a JSON object; `None` for none.
    pub metadata: Option<Json>,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
}

/// What made a checkpoint. The names are LangGraph's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An input was taken in.
    Input,
    /// A superstep ended.
    Loop,
    /// `update_state` was called.
    Update,
    /// A new branch was begun at an old checkpoint.
    Fork,
}

impl Source {
    /// The name at rest and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Loop => "loop",
            Self::Update => "update",
            Self::Fork => "fork",
        }
    }

    /// The source of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Input, Self::Loop, Self::Update, Self::Fork]
            .into_iter()
            .find(|source| source.as_str() == name)
    }
}

/// The value of a channel at a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum ChannelValue {
    /// A plain channel.
    Value(Json),
    /// A list channel, in order.
    List(Vec<Element>),
}

/// A checkpoint with its state, as a store gives it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The highest checkpoint id that its namespace ever had, the head's or one that a rollback or a fork left
    /// behind: the id of a new checkpoint must be above it, whatever the clock says, or the commit is a conflict.
    pub last: CheckpointId,
    /// Every channel that has a value, by name, in no particular order.
    pub channels: Vec<(Arc<str>, ChannelValue)>,
    /// What tasks computed from this checkpoint have left so far, in the order of task and slot.
    pub pending: Vec<TaskWrites>,
}

/// What one task left at a checkpoint before the step was committed.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskWrites {
    /// The task.
    pub task: TaskId,
    /// What kind of thing it left. A later write of the same task and slot replaces the earlier.
    pub slot: WriteSlot,
    /// The engine's own form of it, which a store keeps and does not read.
    pub body: Json,
}

/// What kind of thing a task left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteSlot {
    /// The task's result: it is finished and does not run again.
    Output,
    /// It waits for an answer.
    Interrupt,
    /// Answers that it was given.
    Resume,
    /// It failed.
    Error,
}

impl WriteSlot {
    /// The name at rest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Interrupt => "interrupt",
            Self::Resume => "resume",
            Self::Error => "error",
        }
    }

    /// The slot of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Output, Self::Interrupt, Self::Resume, Self::Error]
            .into_iter()
            .find(|slot| slot.as_str() == name)
    }
}

/// Which checkpoints [`history`](super::Checkpointer::history) lists.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    /// Of this namespace only; `None` for all.
    pub ns: Option<Namespace>,
    /// Only those with a smaller id.
    pub before: Option<CheckpointId>,
    /// At most so many; 0 gives none.
    pub limit: usize,
}
