//! The jobs of this process, and the way in for new ones. They outlive the store that they were begun on.

use std::collections::VecDeque;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use everthread_backup::restore::{Prepared, Restored};
use everthread_backup::{KeepRules, Listed, Opener};
use tokio::sync::{mpsc, oneshot};

use super::job::Ended;
use super::{Backups, Job, JobKind, JobStatus, Replaced};
use crate::error::ApiError;

/// Jobs that may be at work at once: each reads or writes as fast as the disk allows.
const MAX_AT_WORK: usize = 4;
/// Seconds after which another may be asked for.
const RETRY_AFTER_S: u64 = 5;
/// Jobs that are remembered.
const REMEMBERED: usize = 100;

/// The jobs of this process.
pub(crate) struct Jobs {
    pub(super) backups: Backups,
    /// The newest last.
    all: Mutex<VecDeque<Arc<Job>>>,
    pub(super) swaps: mpsc::UnboundedSender<Swap>,
}

/// A store that is to take the place of the one that is served, at once.
pub(crate) struct Swap {
    pub(crate) prepared: Prepared,
    pub(crate) job: Arc<Job>,
    /// Hears what came of it.
    pub(crate) outcome: oneshot::Sender<Result<Restored, ApiError>>,
}

impl Jobs {
    /// No jobs yet, and where stores come out that are to be swapped.
    pub(crate) fn new(backups: Backups) -> (Arc<Self>, mpsc::UnboundedReceiver<Swap>) {
        let (swaps, swapped) = mpsc::unbounded_channel();
        let jobs = Arc::new(Self {
            backups,
            all: Mutex::default(),
            swaps,
        });
        (jobs, swapped)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is set up.
    pub(crate) fn backups(&self) -> &Backups {
        &self.backups
    }

    /// The store that may be replaced.
    pub(crate) fn replaced(&self) -> Option<&Replaced> {
        self.backups.replaced.as_ref()
    }

    pub(crate) fn opener(&self) -> &Arc<dyn Opener> {
        &self.backups.opener
    }

    /// Every job that is remembered, the newest first.
    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        self.lock().iter().rev().cloned().collect()
    }

    /// A job by its id.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn get(&self, id: &str) -> Result<Arc<Job>, ApiError> {
        let all = self.lock();
        let found = all.iter().find(|job| job.id.to_string() == id);
        found.cloned().ok_or_else(|| ApiError::not_found("Job"))
    }

    /// Breaks a job off and waits for its end; one that is over is forgotten.
    ///
    /// # Errors
    /// 409 when it is too late for that.
    pub(crate) async fn cancel(&self, job: &Arc<Job>) -> Result<(), ApiError> {
        if job.status().is_over() {
            self.lock().retain(|known| known.id != job.id);
            return Ok(());
        }
        if !job.break_off() {
            let detail = "what was confirmed is being written: it cannot be broken off any more";
            return Err(ApiError::conflict("conflict", detail));
        }
        job.wait().await;
        Ok(())
    }

    /// Breaks off every job but this where it is not too late, and waits for their ends.
    pub(crate) async fn cancel_but(&self, spared: Option<&Arc<Job>>) {
        let others: Vec<_> = self
            .all()
            .into_iter()
            .filter(|job| spared.is_none_or(|spared| spared.id != job.id))
            .filter(|job| !job.status().is_over())
            .collect();
        for job in &others {
            job.break_off();
        }
        for job in &others {
            job.wait().await;
        }
    }

    /// Begins a job, which goes on by itself.
    ///
    /// # Errors
    /// 429 when enough are at work; 409 for a second restore.
    pub(super) fn begin<W>(
        &self,
        kind: JobKind,
        backup: Option<String>,
        work: impl FnOnce(Arc<Job>) -> W,
    ) -> Result<Arc<Job>, ApiError>
    where
        W: Future<Output = Result<(), Ended>> + Send + 'static,
    {
        let job = Arc::new(Job::new(kind, backup));
        self.enter(&job)?;
        let work = work(job.clone());
        let worked = job.clone();
        tokio::spawn(async move {
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = worked.cancel.cancelled() => Err(Ended::Cancelled),
            };
            log(&worked, &outcome);
            worked.end(outcome);
        });
        Ok(job)
    }

    fn enter(&self, job: &Arc<Job>) -> Result<(), ApiError> {
        let mut all = self.lock();
        let mut at_work = 0;
        for known in all.iter() {
            match known.status() {
                JobStatus::Running => at_work += 1,
                JobStatus::Waiting => {}
                _ => continue,
            }
            if job.kind == JobKind::Restore && known.kind == JobKind::Restore {
                let detail = format!(
                    "job {} restores or waits to be confirmed: confirm it or cancel it first",
                    known.id
                );
                return Err(ApiError::conflict("conflict", detail));
            }
        }
        if at_work >= MAX_AT_WORK {
            let detail = format!("{at_work} jobs are at work: wait until one of them has ended");
            let refused = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_jobs", detail);
            return Err(refused.retry_after(RETRY_AFTER_S));
        }
        if all.len() >= REMEMBERED
            && let Some(oldest) = all.iter().position(|job| job.status().is_over())
        {
            all.remove(oldest);
        }
        all.push_back(job.clone());
        Ok(())
    }

    /// The backups in the folder, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be read; one that is not there holds none.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>, ApiError> {
        self.look(|dir| match dir.exists() {
            true => everthread_backup::list(&dir),
            false => Ok(Vec::new()),
        })
        .await
    }

    /// One backup in the folder.
    ///
    /// # Errors
    /// 404.
    pub(crate) async fn find(&self, name: &str) -> Result<Listed, ApiError> {
        let name = name.to_owned();
        let found = self.look(move |dir| everthread_backup::find(&dir, &name));
        // Where the folder is on this machine is nobody's business.
        found.await.map_err(|error| match error.code() {
            "not_found" => ApiError::not_found("Backup"),
            _ => error,
        })
    }

    /// Deletes a backup.
    ///
    /// # Errors
    /// 404; 503 when the folder cannot be written.
    pub(crate) async fn delete(&self, name: &str) -> Result<Listed, ApiError> {
        let found = self.find(name).await?;
        self.look(move |_| everthread_backup::delete(&found).map(|()| found))
            .await
    }

    /// Deletes backups that the rules do not keep; gives which.
    ///
    /// # Errors
    /// 503 when the folder cannot be written.
    pub(crate) async fn prune(
        &self,
        prefix: String,
        rules: KeepRules,
        dry_run: bool,
    ) -> Result<Vec<PathBuf>, ApiError> {
        self.look(move |dir| match dir.exists() {
            true => everthread_backup::prune(&dir, &prefix, rules, dry_run),
            false => Ok(Vec::new()),
        })
        .await
    }

    /// Works on the folder, on a thread that may block.
    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(PathBuf) -> Result<T, everthread_backup::BackupError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let dir = self.backups.dir.clone();
        match tokio::task::spawn_blocking(move || work(dir)).await {
            Ok(done) => Ok(done?),
            Err(error) => Err(ApiError::unavailable(
                "backup_unavailable",
                error.to_string(),
            )),
        }
    }
}

fn log(job: &Job, outcome: &Result<(), Ended>) {
    let (id, what) = (job.id, job.kind.as_str());
    let duration_ms = jiff::Timestamp::now().as_millisecond() - job.created_ms;
    let backup = job.look().1.backup;
    match outcome {
        Ok(()) => {
            tracing::info!(operation = "backup", outcome = "ok", job = %id, what, backup, duration_ms, "a job is done");
        }
        Err(Ended::Cancelled) => {
            tracing::info!(operation = "backup", outcome = "cancelled", job = %id, what, backup, duration_ms, "a job was broken off");
        }
        Err(Ended::Failed(error)) => {
            tracing::error!(operation = "backup", outcome = "error", job = %id, what, backup, duration_ms, %error, "a job failed");
        }
    }
}
