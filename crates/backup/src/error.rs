//! What can go wrong with a backup.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use everthread_store::{StoreError, StoreErrorKind};

/// What callers branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackupErrorKind {
    /// The file is not there, or what is to be backed up is not.
    NotFound,
    /// A file of this name is there.
    Exists,
    /// It is no backup of Everthread.
    Foreign,
    /// It was a backup once: something of it is lost, changed or doubled.
    Damaged,
    /// A newer version wrote it.
    Newer,
    /// What was asked for does not go together.
    Invalid,
    /// The store is open elsewhere: whoever has it open must do it.
    InUse,
    /// It holds users who were erased since.
    Erased,
    /// A file cannot be read or written just now.
    Unavailable,
    /// The store refused.
    Store(StoreErrorKind),
}

/// Why something with a backup failed.
#[derive(Debug)]
pub struct BackupError {
    kind: BackupErrorKind,
    context: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl BackupError {
    /// An error of this kind; the context says what happened, to what, and what to do next.
    #[must_use]
    pub fn new(kind: BackupErrorKind, context: impl Into<String>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
        }
    }

    /// The same with what lay beneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What callers branch on.
    #[must_use]
    pub fn kind(&self) -> BackupErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later without anything else being done.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            BackupErrorKind::Unavailable
                | BackupErrorKind::Store(StoreErrorKind::Unavailable | StoreErrorKind::Busy)
        )
    }

    pub(crate) fn damaged(what: impl fmt::Display) -> Self {
        Self::new(
            BackupErrorKind::Damaged,
            format!("the backup is damaged: {what}; use another one"),
        )
    }

    pub(crate) fn file(doing: &str, path: &Path, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => BackupErrorKind::NotFound,
            _ => BackupErrorKind::Unavailable,
        };
        Self::new(kind, format!("cannot {doing} {}", path.display())).with_source(error)
    }

    /// The error of a stream of rows that come out of a backup.
    pub(crate) fn into_store(self) -> StoreError {
        let kind = match self.kind {
            BackupErrorKind::Store(kind) => kind,
            BackupErrorKind::Unavailable => StoreErrorKind::Unavailable,
            BackupErrorKind::NotFound => StoreErrorKind::NotFound,
            BackupErrorKind::Newer => StoreErrorKind::Newer,
            BackupErrorKind::Damaged => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Invalid,
        };
        StoreError::new(kind, self.to_string()).with_source(self)
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl Error for BackupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::new(BackupErrorKind::Store(error.kind()), error.to_string()).with_source(error)
    }
}
