//! `everthread backup`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `everthread backup`
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Make a backup, while others go on chatting.
    Create {
        /// Its form: an archive goes into any storage, a snapshot is a copy of a SQLite file.
        #[arg(long, value_enum, default_value_t = BackupKind::Archive)]
        kind: BackupKind,
        #[command(flatten)]
        place: BackupPlace,
        /// What its name begins with [default: everthread_].
        #[arg(long, value_name = "TEXT")]
        prefix: Option<String>,
        #[command(flatten)]
        of: BackupOf,
        /// Restore it to scratch afterwards and compare.
        #[arg(long)]
        verify: bool,
    },
    /// List the backups of a folder, the newest first.
    List {
        #[command(flatten)]
        place: BackupPlace,
    },
    /// Restore a backup to scratch and compare: only then it is one.
    Verify {
        /// The backup.
        file: PathBuf,
    },
    /// Put a backup in the place of the storage, or its user or conversation back into it.
    Restore {
        /// The backup: a snapshot, an archive or an export.
        file: PathBuf,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
        /// Bring users back who were erased since.
        #[arg(long)]
        with_erased: bool,
    },
    /// Delete old backups; the newest that was verified always stays.
    Prune {
        #[command(flatten)]
        place: BackupPlace,
        /// What their names begin with [default: everthread_].
        #[arg(long, value_name = "TEXT")]
        prefix: Option<String>,
        /// Keep the newest so many [default: the setting].
        #[arg(long, value_name = "N")]
        keep_last: Option<usize>,
        /// Keep the newest of each of the last so many days [default: the setting].
        #[arg(long, value_name = "N")]
        keep_daily: Option<usize>,
        /// Only say which would go.
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a user, a conversation or everything as one JSON document.
    Export {
        /// Into this file [default: one named by the time, in the folder of backups].
        file: Option<PathBuf>,
        #[command(flatten)]
        of: BackupOf,
    },
    /// Take an archive, an export or a LangGraph checkpoint database into the storage.
    Import {
        /// The archive, the export, or the SQLite file of a LangGraph checkpointer.
        file: PathBuf,
        /// What happens to what is there already.
        #[arg(long, value_enum, default_value_t = ConflictPolicy::Skip)]
        on_conflict: ConflictPolicy,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
        /// Bring users back who were erased since.
        #[arg(long)]
        with_erased: bool,
        #[command(flatten)]
        owner: ImportOwner,
    },
}

/// Whose the conversations of a LangGraph database are.
#[derive(Debug, Args)]
pub(crate) struct ImportOwner {
    /// Of a LangGraph database: whose conversations are that name no user [default: the setting, else `local`].
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Of a LangGraph database: the user stands before this in a thread's id, as before `:` in `alice:work`.
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_before: Option<String>,
}

/// Of whom.
#[derive(Debug, Args)]
pub(crate) struct BackupOf {
    /// Of this user only.
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Of this conversation only; its user is `local` if none is named.
    #[arg(long, value_name = "THREAD")]
    pub(crate) thread: Option<String>,
}

/// In which folder.
#[derive(Debug, Args)]
pub(crate) struct BackupPlace {
    /// The folder of the backups [default: the setting, else `backups` beside the storage].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// The forms of a backup that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackupKind {
    /// A copy of the SQLite file.
    Snapshot,
    /// A ZIP that any storage takes in.
    Archive,
}

/// What happens to what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConflictPolicy {
    /// It stays.
    Skip,
    /// What comes takes its place.
    Replace,
    /// The one that changed last stays.
    Newer,
    /// Both stay: a conversation that comes gets another id.
    Copy,
}
