//! The one error of this crate: what kept a turn from its reply.

use everthread_graph::Error as GraphError;
use everthread_model::ModelError;
use everthread_store::StoreError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChatError {
    /// The graph could not go on; a node's error is its source.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An event of the run could not be read.
    #[error("an event of the run cannot be read")]
    Event(#[from] serde_json::Error),
    /// A reply was asked for and the last message has one.
    #[error("nothing is missing: the last message has its reply")]
    NothingMissing,
    /// What waited in the queue is no input of this graph; here it is, so that it is not lost.
    #[error("a message that waited cannot be read and was taken out of the queue: {0}")]
    Unreadable(String),
    /// The run ended without a reply: another one took its place.
    #[error("the turn ended without a reply: another one took its place; what was said is kept")]
    NoReply,
}
