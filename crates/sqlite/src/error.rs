//! From the driver's errors to the contract's: no driver type leaves this crate.

use std::fmt;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::{DeltaError, ListDamage};
use rusqlite::ErrorCode;

/// What a function over a transaction may fail with.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A rule of the contract.
    Store(StoreError),
    /// The database.
    Database(rusqlite::Error),
}

/// What functions over a transaction return.
pub(crate) type Sql<T> = Result<T, Fault>;

/// The driver's message, without the driver's type.
#[derive(Debug)]
struct DatabaseError(String);

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DatabaseError {}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ListDamage> for Fault {
    fn from(damage: ListDamage) -> Self {
        fault(
            StoreErrorKind::Corrupt,
            format!("{damage}: run `storage check`, then restore a verified backup"),
        )
    }
}

impl From<DeltaError> for Fault {
    fn from(error: DeltaError) -> Self {
        let kind = match error {
            DeltaError::Length { .. } => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Invalid,
        };
        fault(kind, error.to_string())
    }
}

/// A rule of the contract that was broken.
pub(crate) fn fault(kind: StoreErrorKind, context: impl Into<String>) -> Fault {
    Fault::Store(StoreError::new(kind, context))
}

impl Fault {
    /// The contract's error; `doing` says what was going on, for database errors.
    pub(crate) fn into_store(self, doing: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Database(error) => database(&error, doing),
        }
    }
}

/// The contract's error for one of the database.
pub(crate) fn database(error: &rusqlite::Error, doing: &str) -> StoreError {
    let (kind, advice) = meaning(error);
    let context = format!("{doing} failed: {advice}");
    let said = match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            format!("{error} (SQLite code {})", failure.extended_code)
        }
        other => other.to_string(),
    };
    StoreError::new(kind, context).with_source(DatabaseError(said))
}

fn meaning(error: &rusqlite::Error) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Corrupt, Invalid, Unavailable};
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            Unavailable,
            "the disk is full; nothing was written; free some space and try again",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            Unavailable,
            "another process holds the file; nothing was written; try again",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            Unavailable,
            "the file or its folder cannot be written; check their permissions",
        ),
        Some(ErrorCode::CannotOpen) => (
            Unavailable,
            "the file or its log cannot be opened; check the folder and its permissions",
        ),
        Some(ErrorCode::OutOfMemory) => (Unavailable, "there is no memory left; try again later"),
        Some(ErrorCode::OperationInterrupted | ErrorCode::OperationAborted) => {
            (Unavailable, "it was stopped; try again")
        }
        Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => (
            Unavailable,
            "the disk reported an error; look at the system's log before going on",
        ),
        Some(ErrorCode::NotADatabase) => (Corrupt, "the file is not a database"),
        Some(ErrorCode::TooBig) => (Invalid, "a value is larger than a database row may be"),
        _ => (
            Corrupt,
            "the file is damaged; `everthread storage check` tells how much of it can be read; then restore a verified backup",
        ),
    }
}

/// Whether nothing can have been written and the connection is still good: a full disk, or a file that another
/// process holds.
pub(crate) fn is_harmless(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
