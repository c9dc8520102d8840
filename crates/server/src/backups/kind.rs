//! What a job does, and how it stands.

use serde::Serialize;
use utoipa::ToSchema;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobKind {
    /// Makes a backup.
    Create,
    /// Restores a backup to scratch and compares.
    Verify,
    /// Puts a backup in the place of what is there.
    Restore,
    /// Takes a backup into what is there.
    Import,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobStatus {
    /// It is being done.
    Running,
    /// It has said what it would change, and waits to be confirmed.
    Waiting,
    /// It is done.
    Done,
    /// It failed; `error` says why. Nothing has changed, unless it was an import: that goes on when it is repeated.
    Failed,
    /// Somebody cancelled it, or nobody confirmed it in time. Nothing has changed, as with `failed`.
    Cancelled,
}

impl JobKind {
    /// The name in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Verify => "verify",
            Self::Restore => "restore",
            Self::Import => "import",
        }
    }
}

impl JobStatus {
    /// Whether nothing more will happen.
    pub(crate) fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::Waiting)
    }
}
