//! From the driver's errors to the contract's: no driver type leaves this crate.

use std::error::Error;
use std::fmt;

use deadpool_postgres::{PoolError, TimeoutType};
use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::{DeltaError, ListDamage};
use tokio_postgres::error::SqlState;

/// What a function over a transaction may fail with.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A rule of the contract.
    Store(StoreError),
    /// The database.
    Database(tokio_postgres::Error),
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

impl Error for DatabaseError {}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
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

/// Rows that contradict each other.
pub(crate) fn damaged(what: &str) -> Fault {
    fault(
        StoreErrorKind::Corrupt,
        format!("{what}: run `storage check`, then restore a verified backup"),
    )
}

impl Fault {
    /// The contract's error; `doing` says what was going on, for database errors.
    pub(crate) fn into_store(self, doing: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Database(error) => database(&error, doing),
        }
    }

    /// Whether the connection went away, so that nobody knows what became of what was sent.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Store(_) => false,
            // What the server answers has a code; all else happened on the way.
            Self::Database(error) => error.code().is_none_or(is_going_away),
        }
    }

    /// Whether the same transaction may go through at once when it is tried again: two that waited for each other, or
    /// an engine that orders transactions by refusing some.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Store(_) => false,
            Self::Database(error) => error.code().is_some_and(|code| {
                [
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                ]
                .contains(code)
            }),
        }
    }

    /// Whether a row of the same key is there already.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::Store(_) => false,
            Self::Database(error) => error.code() == Some(&SqlState::UNIQUE_VIOLATION),
        }
    }
}

/// The contract's error for one of the database.
pub(crate) fn database(error: &tokio_postgres::Error, doing: &str) -> StoreError {
    let (kind, advice) = meaning(error);
    StoreError::new(kind, format!("{doing} failed: {advice}"))
        .with_source(DatabaseError(said(error)))
}

/// The contract's error where no connection could be had.
pub(crate) fn pool(error: &PoolError, doing: &str) -> StoreError {
    match error {
        PoolError::Backend(error) => database(error, doing),
        PoolError::Timeout(TimeoutType::Wait) => StoreError::new(
            StoreErrorKind::Unavailable,
            format!("{doing} failed: all connections to the database are in use; try again"),
        ),
        PoolError::Closed => closed(),
        other => StoreError::new(
            StoreErrorKind::Unavailable,
            format!("{doing} failed: no connection to the database; try again"),
        )
        .with_source(DatabaseError(other.to_string())),
    }
}

/// The error of a store that was closed.
pub(crate) fn closed() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the store is closed: open it again",
    )
}

/// Everything that the server said, on one line.
fn said(error: &tokio_postgres::Error) -> String {
    let Some(server) = error.as_db_error() else {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(beneath) = source {
            text = format!("{text}: {beneath}");
            source = beneath.source();
        }
        return text;
    };
    let mut text = format!("{} (SQLSTATE {})", server.message(), server.code().code());
    for more in [server.detail(), server.hint()].into_iter().flatten() {
        text = format!("{text}; {more}");
    }
    text
}

fn is_going_away(code: &SqlState) -> bool {
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ]
    .contains(code)
}

fn meaning(error: &tokio_postgres::Error) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Corrupt, Invalid, Unavailable};
    let Some(code) = error.code() else {
        let encrypting = said(error).contains("TLS");
        let advice = if encrypting {
            "no encrypted connection; check sslmode, sslrootcert and the server's certificate"
        } else {
            "the database cannot be reached; check its address and that it runs"
        };
        return (Unavailable, advice);
    };
    // The first two characters are the class of the error.
    match (code.code().get(..2).unwrap_or_default(), code) {
        (_, &SqlState::DISK_FULL) => (
            Unavailable,
            "the database's disk is full; free some space and try again",
        ),
        (_, &SqlState::TOO_MANY_CONNECTIONS) => (
            Unavailable,
            "the database has no connection left; lower `connections` or raise its max_connections",
        ),
        (_, &SqlState::INVALID_CATALOG_NAME) => (
            Unavailable,
            "there is no database of this name; create it with `createdb`",
        ),
        (_, &SqlState::INSUFFICIENT_PRIVILEGE) => (
            Unavailable,
            "the database's user may not do this; grant it the schema",
        ),
        (_, &SqlState::INVALID_SQL_STATEMENT_NAME | &SqlState::DUPLICATE_PSTATEMENT) => (
            Unavailable,
            "a pooler stands before the database and forgets prepared statements; add statement_cache=off to the URL",
        ),
        (_, &SqlState::READ_ONLY_SQL_TRANSACTION) => (
            Unavailable,
            "the database takes no writes; name its primary server",
        ),
        ("28", _) => (
            Unavailable,
            "the database refuses the user or the password; check them",
        ),
        ("54", _) => (Invalid, "a value is larger than a database row may be"),
        ("22", _) => (Invalid, "the database cannot hold a value"),
        ("40" | "53" | "55" | "57" | "58" | "08", _) => {
            (Unavailable, "the database cannot do it now; try again")
        }
        ("42", _) => (
            Corrupt,
            "the schema is not as this version made it; run `storage check`",
        ),
        _ => (
            Corrupt,
            "the database contradicts itself; run `storage check`, then restore a verified backup",
        ),
    }
}
