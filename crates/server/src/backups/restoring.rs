//! Putting a backup in the place of what is there, and taking one into it.
//!
//! A restore first says what it would change, and waits to be confirmed. One of a user or a thread is then written into
//! the store that is served; one of everything waits as a finished store, and is handed over to be swapped.

use std::sync::Arc;

use everthread_backup::restore::{Prepared, Restore, prepare_beside, restore_part};
use everthread_backup::{Backup, Import, import};
use everthread_store::Store;
use everthread_store::portable::Scope;
use tokio::sync::oneshot;

use super::job::Ended;
use super::making::now_ms;
use super::{Backups, Job, JobKind, Jobs, Replaced, Swap};
use crate::error::ApiError;

impl Jobs {
    /// Prepares a restore, which waits to be confirmed.
    ///
    /// # Errors
    /// 404; 409 when another restore waits, or the file is no backup; 422 for one of everything where the store cannot
    /// be replaced; 429 when enough jobs are at work.
    pub(crate) async fn restore(
        &self,
        store: Arc<dyn Store>,
        name: &str,
        with_erased: bool,
    ) -> Result<Arc<Job>, ApiError> {
        let found = self.find(name).await?;
        let backup = found.backup?;
        let how = Restore {
            with_erased,
            now_ms: now_ms(),
        };
        if backup.facts().scope != Scope::Whole {
            return self.begin(JobKind::Restore, Some(found.name), |job| async move {
                part(&*store, &backup, how, &job).await
            });
        }
        let Some(replaced) = self.backups.replaced.clone() else {
            return Err(ApiError::invalid(
                "a whole storage is restored by the server where it is a SQLite file; into this one, \
                 POST /api/backups/{name}/import takes an archive",
            ));
        };
        let (backups, swaps) = (self.backups.clone(), self.swaps.clone());
        self.begin(JobKind::Restore, Some(found.name), |job| async move {
            let prepared = whole(&backups, &replaced, &*store, &backup, how, &job).await?;
            drop(store);
            confirmed(&job).await?;
            let (tell, outcome) = oneshot::channel();
            let swap = Swap {
                prepared,
                job: job.clone(),
                outcome: tell,
            };
            swaps.send(swap).map_err(|_| stopping())?;
            let restored = outcome.await.map_err(|_| stopping())??;
            job.tell(|told| {
                told.safety_copy = restored.safety_copy.map(|path| path.display().to_string());
            });
            Ok(())
        })
    }

    /// Takes a backup into the store that is served.
    ///
    /// # Errors
    /// 404; 409 when the file is no backup; 429 when enough jobs are at work.
    pub(crate) async fn import(
        &self,
        store: Arc<dyn Store>,
        name: &str,
        how: Import,
    ) -> Result<Arc<Job>, ApiError> {
        let found = self.find(name).await?;
        let backup = found.backup?;
        self.begin(JobKind::Import, Some(found.name), |job| async move {
            let imported = import(&*store, &backup, how, &mut job.hears()).await?;
            job.tell(|told| told.imported = Some(imported));
            Ok(())
        })
    }
}

/// One user or one thread: others go on.
async fn part(store: &dyn Store, backup: &Backup, how: Restore, job: &Job) -> Result<(), Ended> {
    let would = restore_part(store, backup, how, true, &mut job.hears()).await?;
    job.tell(|told| told.imported = Some(would));
    confirmed(job).await?;
    let done = restore_part(store, backup, how, false, &mut job.hears()).await?;
    job.tell(|told| told.imported = Some(done));
    Ok(())
}

/// Everything: builds the store that is to be swapped in.
async fn whole(
    backups: &Backups,
    replaced: &Replaced,
    store: &dyn Store,
    backup: &Backup,
    how: Restore,
    job: &Job,
) -> Result<Prepared, Ended> {
    let (file, opener) = (&replaced.file, &*backups.opener);
    let prepared = prepare_beside(backup, file, store, opener, how, &mut job.hears()).await?;
    let changes = prepared.changes().clone();
    job.tell(|told| told.changes = Some(changes));
    Ok(prepared)
}

/// Waits until it may be done, which then goes on to its end.
async fn confirmed(job: &Job) -> Result<(), Ended> {
    match job.ask().await {
        Some(()) if job.decide() => Ok(()),
        _ => Err(Ended::Cancelled),
    }
}

fn stopping() -> ApiError {
    ApiError::unavailable("stopping", "the server is stopping: nothing was restored")
}
