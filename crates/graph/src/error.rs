//! The one error of the engine: a kind that callers branch on, what happened, and what lay beneath.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::contract::{StoreError, StoreErrorKind};

/// What went wrong in building or running a graph. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// Whether the node that failed might not the next time.
    transient: bool,
}

/// The kinds that callers branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The graph cannot be compiled: a name is wrong, a node unreachable, an edge missing.
    InvalidGraph,
    /// What the caller gave is wrong: an id, a value of the wrong shape, options that contradict each other.
    InvalidInput,
    /// A node or a caller wrote what a channel cannot take.
    InvalidUpdate,
    /// A node failed and its retries are used up.
    Node,
    /// A node took longer than its time-out and its retries are used up.
    Timeout,
    /// The run took more steps than it may.
    RecursionLimit,
    /// There is no interrupt to answer and no task to go on with.
    NothingToResume,
    /// Several interrupts wait and the answer does not say which it is for.
    AmbiguousResume,
    /// It does not follow from the history as which node an update is meant.
    AmbiguousNode,
    /// The run was cancelled.
    Cancelled,
    /// The stored state does not fit the graph's types.
    Corrupt,
    /// The graph has no checkpointer, and what was asked for needs one.
    NoCheckpointer,
    /// The graph could not be drawn.
    Draw,
    /// The store answered with an error.
    Store(StoreErrorKind),
}

impl Error {
    /// An error of this kind; the context says what happened, to what, and what to do next.
    #[must_use]
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
            transient: false,
        }
    }

    /// The same with what lay beneath.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn with_cause(mut self, cause: Option<Arc<dyn StdError + Send + Sync>>) -> Self {
        self.source = cause;
        self
    }

    pub(crate) fn with_transient(mut self, transient: bool) -> Self {
        self.transient = transient;
        self
    }

    /// Whether the node in which it arose may be tried again.
    pub(crate) fn is_transient(&self) -> bool {
        self.transient || self.is_retryable()
    }

    /// What callers branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later without anything else being done.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            ErrorKind::Store(kind) => matches!(
                kind,
                StoreErrorKind::Unavailable
                    | StoreErrorKind::QueueFull
                    | StoreErrorKind::Busy
                    | StoreErrorKind::Conflict
            ),
            ErrorKind::Timeout => true,
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorKind::Store(error.kind()), error.to_string()).with_source(error)
    }
}

/// A sentence part that proposes the name nearest to a wrong one; empty when none is near.
pub(crate) fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const NEAR: f64 = 0.72;
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("; did you mean {name:?}?"))
        .unwrap_or_default()
}
