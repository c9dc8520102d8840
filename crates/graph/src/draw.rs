//! Drawings of a graph.

use crate::graph::Inner;
use crate::state::State;

/// What is drawn of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    name: String,
}

impl Picture {
    pub(crate) fn of<S: State>(graph: &Inner<S>) -> Self {
        Self {
            name: graph.name.clone(),
        }
    }
}
