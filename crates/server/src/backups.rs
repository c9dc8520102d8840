//! Backups that the server makes, verifies and restores, for its admins and by a schedule.
//!
//! Each is a job: it goes on by itself, and whoever asked for it looks how far it has come. The backups are the files of
//! one folder; what they are and how they are made is `everthread-backup`'s.

mod job;
mod jobs;
mod kind;
mod making;
mod probe;
mod reopen;
mod restoring;
mod schedule;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use everthread_backup::{KeepRules, Opener};

pub(crate) use job::{Confirm, Job};
pub(crate) use jobs::{Jobs, Swap};
pub(crate) use kind::{JobKind, JobStatus};
pub(crate) use making::Wanted;
pub(crate) use probe::BackupProbe;
pub use reopen::Reopen;
pub use schedule::Schedule;
pub(crate) use schedule::keep as keep_schedule;

/// Where a server has its backups, and what it may do with them. How a store is opened only the one knows who puts
/// everything together.
#[derive(Clone)]
pub struct Backups {
    dir: PathBuf,
    opener: Arc<dyn Opener>,
    keep: KeepRules,
    schedule: Option<Schedule>,
    replaced: Option<Replaced>,
}

/// The store that a backup of everything takes the place of.
#[derive(Clone)]
pub(crate) struct Replaced {
    pub(crate) file: PathBuf,
    pub(crate) reopen: Arc<dyn Reopen>,
}

impl Backups {
    /// Backups in this folder, which is created with the first of them. `opener` opens scratch stores, to verify and to
    /// restore with.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, opener: Arc<dyn Opener>) -> Self {
        Self {
            dir: dir.into(),
            opener,
            keep: KeepRules { last: 0, daily: 0 },
            schedule: None,
            replaced: None,
        }
    }

    /// Which backups stay when old ones are deleted; by default all.
    #[must_use]
    pub fn keep(mut self, keep: KeepRules) -> Self {
        self.keep = keep;
        self
    }

    /// Makes backups by itself, and deletes old ones; by default none.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(schedule);
        self
    }

    /// A backup of everything may take the place of the store in this file, which is the one that is served. Without
    /// this, only users and threads are restored.
    #[must_use]
    pub fn replacing(mut self, file: impl Into<PathBuf>, reopen: Arc<dyn Reopen>) -> Self {
        self.replaced = Some(Replaced {
            file: file.into(),
            reopen,
        });
        self
    }

    pub(crate) fn keep_rules(&self) -> KeepRules {
        self.keep
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}
