//! How one run is done.

use tokio_util::sync::CancellationToken;

use crate::contract::{CheckpointId, Json, Multitask, RunId};

/// Steps a run may take when nothing else is said; LangGraph's number.
const DEFAULT_RECURSION_LIMIT: u32 = 10_007;

/// How one run is done.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub(crate) limit: u32,
    pub(crate) multitask: Multitask,
    pub(crate) cancel: Option<CancellationToken>,
    pub(crate) metadata: Option<Json>,
    pub(crate) checkpoint: Option<CheckpointId>,
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
    pub(crate) subgraphs: bool,
    pub(crate) run: Option<RunId>,
    pub(crate) details: Option<Json>,
    pub(crate) context: Option<Json>,
    pub(crate) durability: Durability,
}

/// How many checkpoints a run keeps. None of them lets an acknowledged turn vanish, and none shows what could: the
/// input is always a checkpoint of its own, and is durable before anything that follows from it is shown. The names
/// are LangGraph's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// Each step is a checkpoint, and is durable before the next one begins.
    Sync,
    /// Each step is a checkpoint, which becomes durable while the next one runs.
    #[default]
    Async,
    /// Of all steps the last one alone is a checkpoint: where the run rests, fails or is cancelled. What tasks wrote
    /// before is kept beside the checkpoint that the run began with until then, so that a run which a crash ends
    /// goes on where it was; a run that another one stops keeps what it began with. A step that takes out of a list
    /// what a step before put in makes that one a checkpoint too: what was said stays in the transcript.
    Exit,
}

impl Durability {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Exit => "exit",
        }
    }

    /// The durability of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sync, Self::Async, Self::Exit]
            .into_iter()
            .find(|durability| durability.as_str() == name)
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            limit: DEFAULT_RECURSION_LIMIT,
            multitask: Multitask::default(),
            cancel: None,
            metadata: None,
            checkpoint: None,
            before: Vec::new(),
            after: Vec::new(),
            subgraphs: false,
            run: None,
            details: None,
            context: None,
            durability: Durability::default(),
        }
    }
}

impl RunOptions {
    /// The defaults: at most 10,007 steps, wait for another active run, from the head.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many steps.
    #[must_use]
    pub fn recursion_limit(mut self, steps: u32) -> Self {
        self.limit = steps;
        self
    }

    /// What happens when another run is active on the thread.
    #[must_use]
    pub fn multitask(mut self, policy: Multitask) -> Self {
        self.multitask = policy;
        self
    }

    /// Cancels the run when this token is cancelled.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// A JSON object that is kept with each checkpoint of the run.
    #[must_use]
    pub fn metadata(mut self, metadata: Json) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Starts from this checkpoint instead of the head: a new branch begins there. The nil UUID stands for the place
    /// before the first checkpoint. Options belong to the
    /// [`Thread`](crate::Thread) that they were given to: each of its runs begins a branch there.
    #[must_use]
    pub fn checkpoint(mut self, id: CheckpointId) -> Self {
        self.checkpoint = Some(id);
        self
    }

    /// Stops before these nodes too; `*` stands for every node.
    #[must_use]
    pub fn interrupt_before<N: Into<String>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.before = nodes.into_iter().map(Into::into).collect();
        self
    }

    /// Stops after these nodes too; `*` stands for every node.
    #[must_use]
    pub fn interrupt_after<N: Into<String>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.after = nodes.into_iter().map(Into::into).collect();
        self
    }

    /// Streams the events of subgraphs too.
    #[must_use]
    pub fn subgraphs(mut self, subgraphs: bool) -> Self {
        self.subgraphs = subgraphs;
        self
    }

    /// Gives the run this id instead of a new one. A run's id is its own: give it to a
    /// [`Thread`](crate::Thread) on which one run is made, and other runs to another (a clone costs nothing).
    #[must_use]
    pub fn run_id(mut self, id: RunId) -> Self {
        self.run = Some(id);
        self
    }

    /// JSON that is kept with the run for its life; the engine does not read it.
    #[must_use]
    pub fn details(mut self, details: Json) -> Self {
        self.details = Some(details);
        self
    }

    /// What nodes read with [`Context::run_context`](crate::Context::run_context): LangGraph's `context`.
    #[must_use]
    pub fn context(mut self, context: Json) -> Self {
        self.context = Some(context);
        self
    }

    /// How many checkpoints the run keeps.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}
