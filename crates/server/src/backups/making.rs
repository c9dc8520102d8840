//! Making backups, and restoring them to scratch.

use std::sync::Arc;

use everthread_backup::{Create, DEFAULT_PREFIX, Form, create, prune, verify};
use everthread_store::Store;
use everthread_store::portable::Scope;
use jiff::Timestamp;

use super::job::Ended;
use super::{Backups, Job, JobKind, Jobs, Schedule};
use crate::error::ApiError;

/// What is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) form: Form,
    pub(crate) scope: Scope,
    /// What its name begins with.
    pub(crate) prefix: String,
    /// Whether it is restored to scratch and compared.
    pub(crate) verify: bool,
}

impl Wanted {
    /// An archive of everything.
    pub(crate) fn archive(verify: bool) -> Self {
        Self {
            form: Form::Archive,
            scope: Scope::Whole,
            prefix: DEFAULT_PREFIX.to_owned(),
            verify,
        }
    }
}

impl Jobs {
    /// Makes a backup.
    ///
    /// # Errors
    /// 422 for what does not go together; 429 when enough jobs are at work.
    pub(crate) fn create(
        &self,
        store: Arc<dyn Store>,
        wanted: Wanted,
    ) -> Result<Arc<Job>, ApiError> {
        let backups = self.backups.clone();
        what(&backups, &wanted).check()?;
        self.begin(JobKind::Create, None, |job| async move {
            make(&backups, &*store, &wanted, &job).await
        })
    }

    /// Makes the backup that the schedule wants, and deletes those that it does not keep.
    ///
    /// # Errors
    /// As [`Jobs::create`].
    pub(super) fn scheduled(
        &self,
        store: Arc<dyn Store>,
        schedule: Schedule,
    ) -> Result<Arc<Job>, ApiError> {
        let backups = self.backups.clone();
        self.begin(JobKind::Create, None, |job| async move {
            make(&backups, &*store, &Wanted::archive(schedule.verify), &job).await?;
            let pruning = move || prune(&backups.dir, DEFAULT_PREFIX, backups.keep, false);
            let pruned = tokio::task::spawn_blocking(pruning).await;
            pruned.unwrap_or_else(|_| Ok(Vec::new()))?;
            Ok(())
        })
    }

    /// Restores a backup to scratch and compares.
    ///
    /// # Errors
    /// 404; 429 when enough jobs are at work.
    pub(crate) async fn verify(&self, name: &str) -> Result<Arc<Job>, ApiError> {
        let found = self.find(name).await?;
        let backups = self.backups.clone();
        self.begin(JobKind::Verify, Some(found.name), |job| async move {
            prove(&backups, &found.path, &job).await
        })
    }
}

fn what(backups: &Backups, wanted: &Wanted) -> Create {
    Create {
        form: wanted.form,
        scope: wanted.scope.clone(),
        prefix: wanted.prefix.clone(),
        ..Create::archive(backups.dir(), now_ms())
    }
}

async fn make(
    backups: &Backups,
    store: &dyn Store,
    wanted: &Wanted,
    job: &Job,
) -> Result<(), Ended> {
    let made = create(store, &what(backups, wanted), &mut job.hears()).await?;
    let path = made.path.clone();
    job.tell(|told| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        told.backup = Some(name.into_owned());
        told.made = Some(made);
    });
    match wanted.verify {
        true => prove(backups, &path, job).await,
        false => Ok(()),
    }
}

async fn prove(backups: &Backups, path: &std::path::Path, job: &Job) -> Result<(), Ended> {
    let (dir, opener) = (backups.dir(), &*backups.opener);
    let verified = verify(path, dir, opener, now_ms(), &mut job.hears()).await?;
    job.tell(|told| told.verified = Some(verified));
    Ok(())
}

pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
