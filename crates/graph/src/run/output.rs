//! What a run came to.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::contract::{CheckpointId, RunId};
use crate::event::View;
use crate::interrupt::Interrupt;
use crate::state::State;

/// What a run came to. It dereferences to the state.
pub struct RunOutput<S: State> {
    /// The run.
    pub run: RunId,
    /// The state.
    pub state: Arc<S>,
    /// The checkpoint of this state; `None` without a store.
    pub checkpoint: Option<CheckpointId>,
    /// The nodes that would run next: empty when the run came to its end.
    pub next: Vec<Arc<str>>,
    /// The questions that it waits for.
    pub interrupts: Vec<Interrupt>,
}

impl<S: State> RunOutput<S> {
    /// The part of the state that the caller wants: any type that is made of the state by reference, which is
    /// how a graph has an output schema of its own.
    pub fn read<T: for<'a> From<&'a S>>(&self) -> T {
        T::from(&self.state)
    }

    /// Whether the run stopped before its end, for a question or at a breakpoint.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        !self.next.is_empty()
    }
}

impl<S: State> Deref for RunOutput<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S: State> fmt::Debug for RunOutput<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOutput")
            .field("run", &self.run)
            .field("state", &View::new(self.state.clone()))
            .field("checkpoint", &self.checkpoint)
            .field("next", &self.next)
            .field("interrupts", &self.interrupts)
            .finish()
    }
}

impl<S: State> Clone for RunOutput<S> {
    fn clone(&self) -> Self {
        Self {
            run: self.run,
            state: self.state.clone(),
            checkpoint: self.checkpoint,
            next: self.next.clone(),
            interrupts: self.interrupts.clone(),
        }
    }
}
