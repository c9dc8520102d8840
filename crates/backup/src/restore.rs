//! Putting a backup in the place of a store.
//!
//! Everything is validated first, and the new store is built whole beside the old one, in the same folder. Only then
//! are they swapped, by one rename: whoever looks finds the old store or the new one. The old one stays under a name
//! of its own.

pub(crate) mod marks;
mod partial;
mod swap;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use everthread_graph::contract::UserId;
use everthread_store::Store;
use everthread_store::portable::Scope;
use tempfile::TempDir;

use crate::backup::{Backup, Form};
use crate::error::{BackupError, BackupErrorKind};
use crate::{Opener, Progress, import, name, verify};

pub use partial::restore_part;

/// How a backup is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restore {
    /// Users come back who were erased since the backup was made.
    pub with_erased: bool,
    /// The time, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
}

/// What a store holds, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holds {
    /// Users.
    pub users: u64,
    /// Threads.
    pub threads: u64,
    /// Messages, on all branches.
    pub messages: u64,
}

/// A store that is ready to take the place of another. Dropped, it goes and nothing has happened.
pub struct Prepared {
    dir: TempDir,
    file: PathBuf,
    target: PathBuf,
    how: Restore,
    changes: Changes,
}

/// What a restore changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// What is there; `None` when there is no store, or one that cannot be read.
    pub before: Option<Holds>,
    /// What will be there.
    pub after: Holds,
    /// Users whom the backup holds and who stay erased.
    pub left_erased: u64,
    /// Why it is not known who was erased since; `None` when it is.
    pub erased_unknown: Option<String>,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where the store is that was there before; `None` when there was none.
    pub safety_copy: Option<PathBuf>,
}

/// Builds the store that a backup of everything holds, beside the file that it is to replace. That file is only read.
///
/// # Errors
/// `Damaged`, `Foreign`, `Newer` when the backup cannot be restored; `Invalid` when it holds one user or thread;
/// `InUse` when the store is open elsewhere; `Unavailable`.
pub async fn prepare(
    backup: &Backup,
    target: &Path,
    opener: &dyn Opener,
    how: Restore,
    progress: Progress<'_>,
) -> Result<Prepared, BackupError> {
    refuse_open(target, opener)?;
    prepared(backup, target, None, opener, how, progress).await
}

/// The same where this process has the store open, and goes on with it while the new one is built. It is closed before
/// the stores are swapped.
///
/// # Errors
/// As [`prepare`], but for `InUse`; `Store` when the store that is there cannot be read.
pub async fn prepare_beside(
    backup: &Backup,
    target: &Path,
    open: &dyn Store,
    opener: &dyn Opener,
    how: Restore,
    progress: Progress<'_>,
) -> Result<Prepared, BackupError> {
    prepared(backup, target, Some(open), opener, how, progress).await
}

async fn prepared(
    backup: &Backup,
    target: &Path,
    open: Option<&dyn Store>,
    opener: &dyn Opener,
    how: Restore,
    progress: Progress<'_>,
) -> Result<Prepared, BackupError> {
    if backup.facts().scope != Scope::Whole {
        return Err(BackupError::new(
            BackupErrorKind::Invalid,
            "the backup holds one user or thread only: it cannot take the place of a whole store",
        ));
    }
    import::prove(backup, false).await?;
    let folder = name::dir_of(target);
    let dir = tempfile::Builder::new()
        .prefix(".everthread-restore-")
        .tempdir_in(folder)
        .map_err(|error| BackupError::file("write in", folder, error))?;
    let file = dir.path().join("new.db");
    let store = match backup.form() {
        Form::Snapshot => verify::copy_of(backup, &file, opener, progress).await?,
        _ => verify::filled(backup, &file, opener, progress).await?,
    };
    let there = match open {
        Some(open) => There::Open(open),
        None => There::Closed(target, opener),
    };
    let built = build(&*store, there, how, progress).await;
    let closed = store.close().await;
    let changes = built?;
    closed?;
    Ok(Prepared {
        dir,
        file,
        target: target.to_owned(),
        how,
        changes,
    })
}

fn refuse_open(target: &Path, opener: &dyn Opener) -> Result<(), BackupError> {
    if !opener.is_open(target) {
        return Ok(());
    }
    Err(BackupError::new(
        BackupErrorKind::InUse,
        format!(
            "{} is in use: stop the server and every chat that has it open, then restore",
            target.display()
        ),
    ))
}

/// The store that is to be replaced.
enum There<'a> {
    Open(&'a dyn Store),
    Closed(&'a Path, &'a dyn Opener),
}

/// Makes the new store what it is to be: sound, and without those who were erased since.
async fn build(
    new: &dyn Store,
    there: There<'_>,
    how: Restore,
    progress: Progress<'_>,
) -> Result<Changes, BackupError> {
    let report = new.check(progress).await?;
    if let Some(problem) = report.problems.first() {
        return Err(BackupError::damaged(format!(
            "{} is not sound: {}",
            problem.place, problem.what
        )));
    }
    let mut changes = Changes {
        before: None,
        after: Holds::default(),
        left_erased: 0,
        erased_unknown: None,
    };
    match there {
        There::Open(old) => read_old(old, new, how, &mut changes).await?,
        There::Closed(target, opener) if target.exists() => match opener.open(target).await {
            Ok(old) => {
                let read = read_old(&*old, new, how, &mut changes).await;
                let closed = old.close().await;
                if let Err(error) = read {
                    changes.erased_unknown = Some(error.to_string());
                }
                closed?;
            }
            Err(error) => changes.erased_unknown = Some(error.to_string()),
        },
        There::Closed(..) => {}
    }
    changes.after = holds(new).await?;
    Ok(changes)
}

async fn read_old(
    old: &dyn Store,
    new: &dyn Store,
    how: Restore,
    changes: &mut Changes,
) -> Result<(), BackupError> {
    changes.before = Some(holds(old).await?);
    changes.left_erased = leave_erased(old, new, how).await?;
    Ok(())
}

/// Erases in the new store who was erased in the old one since, and lets it know of them; gives how many.
async fn leave_erased(old: &dyn Store, new: &dyn Store, how: Restore) -> Result<u64, BackupError> {
    let erased = match how.with_erased {
        true => 0,
        false => {
            let since = marks::since(marks::of(old).await?, &marks::of(new).await?);
            marks::apply(new, &since).await?
        }
    };
    marks::carry_over(old, new).await?;
    Ok(erased)
}

async fn holds(store: &dyn Store) -> Result<Holds, BackupError> {
    let stats = store.stats().await?;
    Ok(Holds {
        users: stats.users,
        threads: stats.threads,
        messages: stats.messages,
    })
}

impl Prepared {
    /// What will change.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Swaps the stores. Stopped at any point, the old one or the new one is there, whole. Who was erased since this
    /// was prepared stays erased too.
    ///
    /// # Errors
    /// `InUse` when somebody has opened the store meanwhile; `Unavailable`. Nothing has changed then.
    pub async fn swap(self, opener: Arc<dyn Opener>) -> Result<Restored, BackupError> {
        refuse_open(&self.target, &*opener)?;
        if self.target.exists()
            && let Ok(old) = opener.open(&self.target).await
        {
            let caught_up = self.catch_up(&*old, &*opener).await;
            // Closed by the last one, its log is part of it.
            old.close().await?;
            caught_up?;
        }
        refuse_open(&self.target, &*opener)?;
        blocking(move || {
            let safety_copy = swap::swap(&self.file, &self.target, &*opener, self.how.now_ms)?;
            drop(self.dir);
            Ok(Restored { safety_copy })
        })
        .await
    }

    async fn catch_up(&self, old: &dyn Store, opener: &dyn Opener) -> Result<(), BackupError> {
        if self.changes.erased_unknown.is_some() {
            return Ok(());
        }
        let new = opener.open(&self.file).await?;
        let left = leave_erased(old, &*new, self.how).await;
        new.close().await?;
        left.map(|_| ())
    }
}

impl Restored {
    /// Puts the store back that was there before, in the place of the one that was restored, which goes. For whoever
    /// finds that the new one cannot be used; nobody may have it open.
    ///
    /// # Errors
    /// `NotFound` when there was none, or its copy is gone; `InUse`, `Unavailable`.
    pub async fn undo(self, target: &Path, opener: Arc<dyn Opener>) -> Result<(), BackupError> {
        refuse_open(target, &*opener)?;
        let Some(safety_copy) = self.safety_copy else {
            let what = "there was no store before: nothing can be put back";
            return Err(BackupError::new(BackupErrorKind::NotFound, what));
        };
        let target = target.to_owned();
        blocking(move || swap::back(&safety_copy, &target, &*opener)).await
    }
}

/// Runs what may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            let what = "the work was broken off: try again";
            Err(BackupError::new(BackupErrorKind::Unavailable, what).with_source(error))
        })
}

/// The users that a scope names.
fn named(scope: &Scope) -> Option<&UserId> {
    match scope {
        Scope::Whole => None,
        Scope::User(user) => Some(user),
        Scope::Thread(key) => Some(&key.user),
    }
}
