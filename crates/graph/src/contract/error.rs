//! The one error of stores: a kind that callers branch on, what happened, and what lay beneath.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What went wrong in a store. Cheap to clone: one failed group of commits fails many callers.
#[derive(Debug, Clone)]
pub struct StoreError {
    kind: StoreErrorKind,
    context: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kinds that callers branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The head is not the expected one: load it again and decide anew. Nothing was written.
    Conflict,
    /// The run lost its right to write: another one was admitted. Nothing was written.
    Fenced,
    /// Another run is active on the thread and the policy is to refuse. Nothing was written.
    Busy,
    /// Too many runs wait on the thread. Nothing was written; try later.
    QueueFull,
    /// What was named is not there.
    NotFound,
    /// What was to be created is there already. Nothing was written.
    Exists,
    /// The user is under hold: nothing of theirs is removed, and nothing was.
    Held,
    /// What was given cannot be stored.
    Invalid,
    /// The store cannot be reached or cannot write just now (a full disk, a locked file). Nothing was written.
    Unavailable,
    /// The commit failed in a way that leaves open whether it is there: load and look.
    OutcomeUnknown,
    /// What is stored contradicts itself or is no store at all.
    Corrupt,
    /// The store was written by a newer version: it is not touched.
    Newer,
}

impl StoreError {
    /// An error of this kind; the context says what happened, to what, and what to do next.
    #[must_use]
    pub fn new(kind: StoreErrorKind, context: impl Into<String>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
        }
    }

    /// The same with what lay beneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What callers branch on.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later without anything else being done.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Unavailable | StoreErrorKind::QueueFull | StoreErrorKind::Busy
        )
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
