//! Backups that a server makes by itself: one when the newest is old enough, proved, and old ones pruned after it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use everthread_backup::{DEFAULT_PREFIX, list};
use everthread_store::portable::Scope;

use super::Jobs;
use super::making::now_ms;
use crate::app::App;

/// How often it is looked whether a backup is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// When a server makes archives of everything by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// One is made when the newest is so old.
    pub every: Duration,
    /// Whether each is restored to scratch and compared.
    pub verify: bool,
}

impl Schedule {
    pub(super) fn every_ms(&self) -> i64 {
        i64::try_from(self.every.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Keeps to the schedule until it is aborted; a backup that fails is tried again with the next look.
pub(crate) async fn keep(app: App, jobs: Arc<Jobs>) {
    let Some(schedule) = jobs.backups().schedule else {
        return;
    };
    loop {
        if is_due(jobs.backups().dir(), schedule.every_ms()) {
            match jobs.scheduled(app.store.clone(), schedule) {
                Ok(job) => job.wait().await,
                Err(error) => {
                    tracing::warn!(operation = "backup", %error, "a backup is due and was not begun");
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the newest backup of everything is old enough, or there is none.
fn is_due(dir: &Path, every_ms: i64) -> bool {
    let listed = list(dir).unwrap_or_default();
    let made = listed.iter().filter_map(|one| {
        let backup = one.backup.as_ref().ok()?;
        let ours = one.name.starts_with(DEFAULT_PREFIX) && backup.facts().scope == Scope::Whole;
        ours.then_some(backup.facts().created_ms)
    });
    made.max()
        .is_none_or(|newest| now_ms() >= newest.saturating_add(every_ms))
}
