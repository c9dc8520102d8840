//! Why a node did not return.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::command::ParentCommand;
use crate::error::{Error, ErrorKind};
use crate::interrupt::Interrupt;

/// Why a node did not return. `?` makes one of any error.
///
/// Whether the node is tried again is decided by its [`RetryPolicy`](crate::RetryPolicy), which asks
/// [`NodeError::is_transient`]: connection errors and errors that nothing is known of are, errors that show bad
/// input or a mistake in the program (parsing, formatting, conversion) are not.
#[derive(Debug, Clone)]
pub struct NodeError(Box<Control>);

/// What stops a node: a failure, or what the engine is asked to do instead.
#[derive(Debug, Clone)]
pub(crate) enum Control {
    Failed {
        kind: ErrorKind,
        context: String,
        source: Option<Arc<dyn StdError + Send + Sync>>,
        transient: bool,
    },
    Raised(Raised),
}

/// What is no failure.
#[derive(Debug, Clone)]
pub(crate) enum Raised {
    /// Answers are waited for.
    Interrupts(Vec<Interrupt>),
    /// A subgraph's node commands the graph above.
    Parent(ParentCommand),
}

impl NodeError {
    /// A failure that trying again does not mend.
    pub fn permanent(context: impl Into<String>) -> Self {
        Self::failed(ErrorKind::Node, context, false)
    }

    /// A failure that may be gone the next time.
    pub fn transient(context: impl Into<String>) -> Self {
        Self::failed(ErrorKind::Node, context, true)
    }

    pub(crate) fn failed(kind: ErrorKind, context: impl Into<String>, transient: bool) -> Self {
        Self(Box::new(Control::Failed {
            kind,
            context: context.into(),
            source: None,
            transient,
        }))
    }

    pub(crate) fn raised(raised: Raised) -> Self {
        Self(Box::new(Control::Raised(raised)))
    }

    pub(crate) fn from_control(control: Control) -> Self {
        Self(Box::new(control))
    }

    pub(crate) fn control(&self) -> &Control {
        &self.0
    }

    pub(crate) fn into_control(self) -> Control {
        *self.0
    }

    /// The same, to be tried again or not.
    #[must_use]
    pub fn with_transient(mut self, again: bool) -> Self {
        if let Control::Failed { transient, .. } = &mut *self.0 {
            *transient = again;
        }
        self
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            &*self.0,
            Control::Failed {
                transient: true,
                ..
            }
        )
    }

    /// The error of the engine that this becomes.
    pub(crate) fn into_error(self, node: &str) -> Error {
        match *self.0 {
            Control::Failed {
                kind,
                context,
                source,
                transient,
            } => Error::new(kind, format!("node {node:?} failed: {context}"))
                .with_cause(source)
                .with_transient(transient),
            Control::Raised(Raised::Interrupts(_)) => Error::new(
                ErrorKind::InvalidInput,
                format!("node {node:?} was interrupted where nothing can answer it"),
            ),
            Control::Raised(Raised::Parent(_)) => Error::new(
                ErrorKind::InvalidUpdate,
                format!("node {node:?} commands a graph above, and there is none"),
            ),
        }
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Control::Failed { context, .. } => f.write_str(context),
            Control::Raised(Raised::Interrupts(_)) => f.write_str("an answer is waited for"),
            Control::Raised(Raised::Parent(_)) => f.write_str("the graph above is commanded"),
        }
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for NodeError {
    fn from(error: E) -> Self {
        let any: &(dyn StdError + 'static) = &error;
        let kind = any
            .downcast_ref::<Error>()
            .map_or(ErrorKind::Node, Error::kind);
        let transient = is_transient(any);
        Self(Box::new(Control::Failed {
            kind: match kind {
                ErrorKind::Store(_)
                | ErrorKind::Timeout
                | ErrorKind::InvalidUpdate
                | ErrorKind::RecursionLimit
                | ErrorKind::Cancelled
                | ErrorKind::Corrupt => kind,
                _ => ErrorKind::Node,
            },
            context: error.to_string(),
            source: Some(Arc::new(error)),
            transient,
        }))
    }
}

/// LangGraph's default: connection errors yes, errors of value, type and arithmetic no, anything else yes.
fn is_transient(error: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.is_transient();
    }
    if let Some(error) = error.downcast_ref::<crate::contract::StoreError>() {
        return error.is_retryable();
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        use io::ErrorKind as Io;
        return matches!(
            error.kind(),
            Io::ConnectionRefused
                | Io::ConnectionReset
                | Io::ConnectionAborted
                | Io::BrokenPipe
                | Io::NotConnected
                | Io::TimedOut
                | Io::UnexpectedEof
                | Io::Interrupted
        );
    }
    let mistake = error.is::<std::num::ParseIntError>()
        || error.is::<std::num::ParseFloatError>()
        || error.is::<std::num::TryFromIntError>()
        || error.is::<std::str::Utf8Error>()
        || error.is::<std::string::FromUtf8Error>()
        || error.is::<fmt::Error>()
        || error.is::<serde_json::Error>();
    !mistake
}
