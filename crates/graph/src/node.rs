//! A node: a function of the state and the context, and the rules by which it is run.

mod error;
mod options;

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

pub use error::NodeError;
pub(crate) use error::{Control, Raised};
pub use options::{NodeOptions, RetryPolicy};

use crate::any::Inside;
use crate::command::{Command, IntoCommand};
use crate::context::Context;
use crate::state::State;

type Run<S> =
    dyn Fn(Arc<S>, Context) -> BoxFuture<'static, Result<Command<S>, NodeError>> + Send + Sync;

/// A node of a graph.
pub(crate) struct Node<S: State> {
    pub(crate) name: Arc<str>,
    pub(crate) run: Arc<Run<S>>,
    pub(crate) options: NodeOptions,
    /// The graph inside, when the node is a subgraph.
    pub(crate) inside: Option<Arc<dyn Inside>>,
}

impl<S: State> Node<S> {
    pub(crate) fn new<F, Fut>(name: &str, f: F, options: NodeOptions) -> Self
    where
        F: Fn(Arc<S>, Context) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoCommand<S>,
    {
        Self {
            name: name.into(),
            run: Arc::new(move |state, context| {
                f(state, context).map(IntoCommand::into_command).boxed()
            }),
            options,
            inside: None,
        }
    }
}

impl<S: State> fmt::Debug for Node<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
