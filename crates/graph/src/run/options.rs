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

    /// Starts from this checkpoint instead of the head: a new branch begins there. Options belong to the
    /// [`Thread`](crate::Thread) that they were given to: each of its runs begins a branch there.
    #[must_use]
    pub fn checkpoint(mut self, id: CheckpointId) -> Self {
        self.checkpoint = Some(id);
        self
    }

    /// Stops before these nodes too.
    #[must_use]
    pub fn interrupt_before<N: Into<String>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.before = nodes.into_iter().map(Into::into).collect();
        self
    }

    /// Stops after these nodes too.
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
}
