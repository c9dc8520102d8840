//! Why a command failed, and the exit code that scripts rely on.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use everthread_backup::{BackupError, BackupErrorKind};
use everthread_chat::ChatError;
use everthread_graph::contract::{IdError, StoreError, StoreErrorKind};
use everthread_graph::{Error as GraphError, ErrorKind as GraphErrorKind};
use everthread_model::{ModelError, ModelErrorKind};

use crate::output::printable;

/// What lies beneath an error.
type Cause = dyn Error + 'static;

/// The exit codes, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something failed that none of the others names.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// What was named is not there.
    NotFound = 3,
    /// Something else is in the way: another run, another process, a newer format.
    Conflict = 4,
    /// The input cannot be used.
    Invalid = 5,
    /// A storage or a model cannot be reached or used just now.
    Unavailable = 6,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    is_reported: bool,
    is_unread: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that says what happened, to what, and what to do next.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            is_reported: false,
            is_unread: false,
            source: None,
        }
    }

    /// The same with what lay beneath.
    pub(crate) fn because(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// The same with what it is about before it.
    pub(crate) fn within(self, about: impl fmt::Display) -> Self {
        Self {
            what: format!("{about}: {}", self.what),
            ..self
        }
    }

    /// The same where the document on stdout has already told what is wrong.
    pub(crate) fn reported(self) -> Self {
        Self {
            is_reported: true,
            ..self
        }
    }

    /// Whether stdout has already told what is wrong.
    pub(crate) fn is_reported(&self) -> bool {
        self.is_reported
    }

    /// Whether a store lies beneath that is damaged or no store at all.
    pub(crate) fn is_damage(&self) -> bool {
        let store = self.store_error();
        store.is_some_and(|error| error.kind() == StoreErrorKind::Corrupt)
    }

    /// Whether something cannot be reached or used just now.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.exit == Exit::Unavailable
    }

    /// What the lowest error says.
    pub(crate) fn cause(&self) -> String {
        let mut below = self.source.as_deref().map(|source| source as &Cause);
        let mut cause = self.what.clone();
        while let Some(error) = below {
            cause = error.to_string();
            below = error.source();
        }
        cause
    }

    fn store_error(&self) -> Option<&StoreError> {
        let mut below = self.source.as_deref().map(|source| source as &Cause);
        while let Some(error) = below {
            if let Some(store) = error.downcast_ref() {
                return Some(store);
            }
            below = error.source();
        }
        None
    }

    /// Whether whoever read stdout has gone away: they have what they wanted.
    pub(crate) fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// The exit code as the operating system takes it.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }

    /// The exit code's name, for JSON output.
    pub(crate) fn name(&self) -> &'static str {
        match self.exit {
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::NotFound => "not_found",
            Exit::Conflict => "conflict",
            Exit::Invalid => "invalid_input",
            Exit::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.what.clone();
        let mut below = self.source.as_deref().map(|source| source as &Cause);
        while let Some(error) = below {
            // Some errors repeat what lay beneath them; nobody should read it twice.
            let cause = error.to_string();
            if !text.contains(&cause) {
                text += &format!(": {cause}");
            }
            below = error.source();
        }
        // A server's words may be among them.
        f.write_str(&printable(&text))
    }
}

impl Error for Failure {}

/// The exit code of an error, by the first error of ours that lies beneath it.
fn exit_of(error: &Cause) -> Exit {
    let mut below = Some(error);
    let mut exit = Exit::Failed;
    while let Some(error) = below {
        if let Some(backup) = error.downcast_ref::<BackupError>() {
            return exit_of_backup(backup.kind());
        }
        if let Some(model) = error.downcast_ref::<ModelError>() {
            return exit_of_model(model);
        }
        if let Some(store) = error.downcast_ref::<StoreError>() {
            return exit_of_store(store.kind());
        }
        if let Some(graph) = error.downcast_ref::<GraphError>() {
            exit = exit_of_graph(graph.kind());
        }
        below = error.source();
    }
    exit
}

fn exit_of_backup(kind: BackupErrorKind) -> Exit {
    match kind {
        BackupErrorKind::NotFound => Exit::NotFound,
        BackupErrorKind::Exists
        | BackupErrorKind::InUse
        | BackupErrorKind::Newer
        | BackupErrorKind::Erased => Exit::Conflict,
        BackupErrorKind::Foreign | BackupErrorKind::Damaged | BackupErrorKind::Invalid => {
            Exit::Invalid
        }
        BackupErrorKind::Unavailable => Exit::Unavailable,
        BackupErrorKind::Store(kind) => exit_of_store(kind),
        _ => Exit::Failed,
    }
}

fn exit_of_store(kind: StoreErrorKind) -> Exit {
    match kind {
        StoreErrorKind::NotFound => Exit::NotFound,
        StoreErrorKind::Conflict
        | StoreErrorKind::Fenced
        | StoreErrorKind::Busy
        | StoreErrorKind::Exists
        | StoreErrorKind::Held
        | StoreErrorKind::Newer => Exit::Conflict,
        StoreErrorKind::Invalid | StoreErrorKind::Corrupt => Exit::Invalid,
        StoreErrorKind::QueueFull
        | StoreErrorKind::Unavailable
        | StoreErrorKind::OutcomeUnknown => Exit::Unavailable,
        _ => Exit::Failed,
    }
}

fn exit_of_model(error: &ModelError) -> Exit {
    match error.kind() {
        ModelErrorKind::InvalidRequest
        | ModelErrorKind::UnknownModel
        | ModelErrorKind::ContextTooLong { .. } => Exit::Invalid,
        ModelErrorKind::Cancelled => Exit::Failed,
        _ => Exit::Unavailable,
    }
}

fn exit_of_graph(kind: GraphErrorKind) -> Exit {
    match kind {
        GraphErrorKind::Store(kind) => exit_of_store(kind),
        GraphErrorKind::InvalidInput | GraphErrorKind::Corrupt | GraphErrorKind::InvalidUpdate => {
            Exit::Invalid
        }
        GraphErrorKind::NothingToResume => Exit::Conflict,
        GraphErrorKind::Timeout => Exit::Unavailable,
        _ => Exit::Failed,
    }
}

macro_rules! from_errors {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let failure = Self::new(exit_of(&error), error.to_string());
                Self { source: Some(Box::new(error)), ..failure }
            }
        }
    )*};
}

from_errors!(BackupError, StoreError, ModelError, GraphError, ChatError);

impl From<IdError> for Failure {
    fn from(error: IdError) -> Self {
        Self::new(Exit::Invalid, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self {
            is_unread: error.kind() == std::io::ErrorKind::BrokenPipe,
            ..Self::new(Exit::Failed, error.to_string())
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(Exit::Invalid, error.to_string())
    }
}
