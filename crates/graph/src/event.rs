//! What a stream shows.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::contract::{Checkpoint, Json, Namespace, TaskId};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::state::State;

/// One event of a run.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which graph it is of: the root, or a subgraph.
    pub ns: Namespace,
    /// What happened.
    pub data: EventData,
}

/// What happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventData {
    /// Mode `values`: the whole state, after the input and after each step.
    Values(View),
    /// Mode `updates`: what a task wrote, as a JSON object of channels.
    Update {
        /// The node.
        node: Arc<str>,
        /// What it wrote.
        update: Json,
    },
    /// Modes `updates` and `values`: the run stops for these questions.
    Interrupted(Vec<Interrupt>),
    /// Mode `messages`: a piece of a message.
    Message {
        /// The task that wrote it.
        task: TaskId,
        /// The node that wrote it.
        node: Arc<str>,
        /// The step.
        step: i64,
        /// The piece.
        chunk: Json,
        /// The node's metadata for it.
        metadata: Json,
    },
    /// Mode `custom`: what a node sent.
    Custom {
        /// The node.
        node: Arc<str>,
        /// What it sent.
        value: Json,
    },
    /// Mode `checkpoints`: a checkpoint was made.
    Checkpoint {
        /// The checkpoint.
        checkpoint: Arc<Checkpoint>,
        /// Its state.
        values: View,
        /// The nodes that run next.
        next: Vec<Arc<str>>,
    },
    /// Mode `tasks`: a task begins.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// Its node.
        node: Arc<str>,
        /// The step.
        step: i64,
        /// Its argument, when it was made by a `SendTo`.
        arg: Option<Json>,
    },
    /// Mode `tasks`: a task has ended.
    TaskFinished {
        /// The task.
        task: TaskId,
        /// Its node.
        node: Arc<str>,
        /// The step.
        step: i64,
        /// What it wrote; `None` when it failed or waits for an answer.
        result: Option<Json>,
        /// Why it failed.
        error: Option<String>,
        /// What it asks.
        interrupts: Vec<Interrupt>,
    },
}

impl EventData {
    /// LangGraph's name of the mode.
    #[must_use]
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Values(_) => "values",
            Self::Update { .. } | Self::Interrupted(_) => "updates",
            Self::Message { .. } => "messages",
            Self::Custom { .. } => "custom",
            Self::Checkpoint { .. } => "checkpoints",
            Self::TaskStarted { .. } | Self::TaskFinished { .. } => "tasks",
        }
    }
}

trait AnyState: Send + Sync {
    fn json(&self) -> Result<Json, Error>;
    fn any(&self) -> &dyn Any;
}

impl<S: State> AnyState for S {
    fn json(&self) -> Result<Json, Error> {
        self.to_json()
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

/// A state of whatever type, turned into JSON only when asked.
#[derive(Clone)]
pub struct View(Arc<dyn AnyState>);

impl View {
    pub(crate) fn new<S: State>(state: Arc<S>) -> Self {
        Self(state)
    }

    /// The state as a JSON object.
    ///
    /// # Errors
    /// `InvalidUpdate` when a value has no JSON form.
    pub fn json(&self) -> Result<Json, Error> {
        self.0.json()
    }

    /// The state, if it is of this type.
    #[must_use]
    pub fn get<S: State>(&self) -> Option<&S> {
        self.0.any().downcast_ref()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.json() {
            Ok(json) => f.write_str(json.as_str()),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}
