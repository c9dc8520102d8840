//! The shapes of backups.

use std::collections::BTreeMap;

use everthread_backup::restore::{Changes, Holds};
use everthread_backup::{Created, Imported, Listed, Verified};
use everthread_store::portable::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::times::iso;

/// The backups in the server's folder.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackupList {
    /// The newest first, and last those that cannot be read.
    pub(super) backups: Vec<BackupBody>,
}

/// A backup, as it says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackupBody {
    name: String,
    /// `archive`, `snapshot` or `export`; `null` for a file that cannot be read.
    kind: Option<&'static str>,
    scope: Option<ScopeBody>,
    bytes: Option<u64>,
    created_at: Option<String>,
    /// The version that made it; `null` for a snapshot.
    software: Option<String>,
    /// When it was last restored to scratch and compared; `null` when it was not, or has changed since.
    verified_at: Option<String>,
    /// Rows by kind; empty where that is not known without reading all of it.
    counts: BTreeMap<&'static str, u64>,
    /// Of a snapshot: the checksum that it was made with. Archives and exports hold theirs.
    sha256: Option<String>,
    /// Why the file cannot be read.
    error: Option<String>,
}

/// Of what a backup is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScopeBody {
    /// `whole`, `user` or `thread`.
    kind: &'static str,
    user_id: Option<String>,
    thread_id: Option<String>,
}

impl From<&Scope> for ScopeBody {
    fn from(scope: &Scope) -> Self {
        let (kind, user_id, thread_id) = match scope {
            Scope::Whole => ("whole", None, None),
            Scope::User(user) => ("user", Some(user.to_string()), None),
            Scope::Thread(key) => {
                let (user, thread) = (key.user.to_string(), key.thread.to_string());
                ("thread", Some(user), Some(thread))
            }
        };
        Self {
            kind,
            user_id,
            thread_id,
        }
    }
}

impl From<&Listed> for BackupBody {
    fn from(listed: &Listed) -> Self {
        let name = listed.name.clone();
        match &listed.backup {
            Ok(backup) => {
                let facts = backup.facts();
                let counts = facts.counts.iter();
                Self {
                    name,
                    kind: Some(backup.form().as_str()),
                    scope: Some(ScopeBody::from(&facts.scope)),
                    bytes: Some(facts.bytes),
                    created_at: Some(iso(facts.created_ms)),
                    software: facts.software.clone(),
                    verified_at: listed.verified_ms.map(iso),
                    counts: counts.map(|(kind, rows)| (kind.plural(), *rows)).collect(),
                    sha256: backup.checksum().ok().flatten(),
                    error: None,
                }
            }
            Err(error) => Self {
                name,
                kind: None,
                scope: None,
                bytes: None,
                created_at: None,
                software: None,
                verified_at: None,
                counts: BTreeMap::new(),
                sha256: None,
                error: Some(error.to_string()),
            },
        }
    }
}

/// A form of backups.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormName {
    /// A ZIP of rows, which every storage takes in.
    #[default]
    Archive,
    /// The file of a SQLite storage.
    Snapshot,
    /// The rows as one JSON document.
    Export,
}

/// A backup that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBackupBody {
    /// Its form; `archive` if it is left out. A snapshot is always of everything.
    #[serde(default)]
    pub(super) kind: FormName,
    /// Of this user only.
    pub(super) user_id: Option<String>,
    /// Of this thread of the user only.
    pub(super) thread_id: Option<String>,
    /// What its name begins with; `everthread_` if it is left out.
    pub(super) prefix: Option<String>,
    /// Whether it is restored to scratch and compared.
    #[serde(default)]
    pub(super) verify: bool,
}

/// Which backups of everything stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PruneBody {
    /// Those whose names begin so; `everthread_` if it is left out.
    pub(super) prefix: Option<String>,
    /// The newest so many; the server's setting if it is left out.
    pub(super) keep_last: Option<usize>,
    /// Of each of the last so many days, the newest; the server's setting if it is left out.
    pub(super) keep_daily: Option<usize>,
    /// Only says which would go.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// Backups that went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PrunedBody {
    pub(super) deleted: Vec<String>,
    pub(super) dry_run: bool,
}

/// How a backup is restored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreBody {
    /// Users come back who were erased since the backup was made.
    #[serde(default)]
    pub(super) with_erased: bool,
}

/// What happens to what is there already.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Policy {
    /// It stays.
    #[default]
    Skip,
    /// It is replaced.
    Replace,
    /// It is replaced if it changed earlier than what comes.
    Newer,
    /// What comes stands beside it.
    Copy,
}

/// How a backup is taken into the storage.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportBody {
    /// What happens to what is there already; `skip` if it is left out.
    #[serde(default)]
    pub(super) on_conflict: Policy,
    /// Nothing is written; the job says what would have been.
    #[serde(default)]
    pub(super) dry_run: bool,
    /// Users come back who were erased since the backup was made.
    #[serde(default)]
    pub(super) with_erased: bool,
}

/// A backup that a job made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeBody {
    kind: &'static str,
    bytes: u64,
    /// `null` for a snapshot.
    rows: Option<u64>,
}

impl From<&Created> for MadeBody {
    fn from(made: &Created) -> Self {
        Self {
            kind: made.form.as_str(),
            bytes: made.bytes,
            rows: made.rows,
        }
    }
}

/// What was read in the scratch storage that a backup was restored to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerifiedBody {
    users: u64,
    threads: u64,
    messages: u64,
    checkpoints: u64,
    /// What could not be proved, in sentences.
    notes: Vec<String>,
}

impl From<&Verified> for VerifiedBody {
    fn from(verified: &Verified) -> Self {
        Self {
            users: verified.users,
            threads: verified.threads,
            messages: verified.messages,
            checkpoints: verified.checkpoints,
            notes: verified.notes.clone(),
        }
    }
}

/// What a storage holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HoldsBody {
    users: u64,
    threads: u64,
    messages: u64,
}

impl From<&Holds> for HoldsBody {
    fn from(holds: &Holds) -> Self {
        Self {
            users: holds.users,
            threads: holds.threads,
            messages: holds.messages,
        }
    }
}

/// What a restore of everything changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangesBody {
    /// What was there when the restore was prepared.
    before: Option<HoldsBody>,
    /// What will be there.
    after: HoldsBody,
    /// Users whom the backup holds and who stay erased.
    left_erased: u64,
}

impl From<&Changes> for ChangesBody {
    fn from(changes: &Changes) -> Self {
        Self {
            before: changes.before.as_ref().map(HoldsBody::from),
            after: HoldsBody::from(&changes.after),
            left_erased: changes.left_erased,
        }
    }
}

/// What was taken in; while a restore waits, what would be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportedBody {
    users_created: u64,
    users_replaced: u64,
    users_kept: u64,
    users_left_erased: u64,
    threads_created: u64,
    threads_replaced: u64,
    threads_copied: u64,
    threads_kept: u64,
    rows_written: u64,
    rows_skipped: u64,
}

impl From<&Imported> for ImportedBody {
    fn from(imported: &Imported) -> Self {
        Self {
            users_created: imported.users_created,
            users_replaced: imported.users_replaced,
            users_kept: imported.users_kept,
            users_left_erased: imported.users_left_erased,
            threads_created: imported.threads_created,
            threads_replaced: imported.threads_replaced,
            threads_copied: imported.threads_copied,
            threads_kept: imported.threads_kept,
            rows_written: imported.rows_written,
            rows_skipped: imported.rows_skipped,
        }
    }
}
