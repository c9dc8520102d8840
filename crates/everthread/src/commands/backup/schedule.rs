//! Backups that a server makes by itself: one when the newest is old enough, proved, and old ones pruned after it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use everthread::SqliteFiles;
use everthread_backup::{Create, DEFAULT_PREFIX, KeepRules, create, list, prune, verify};
use everthread_store::Store;
use everthread_store::portable::Scope;
use tokio::task::JoinHandle;

use super::now_ms;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring::backup::backup_dir;

/// How often it is looked whether a backup is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Milliseconds of an hour.
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// The backups of a server, as long as this is kept.
pub(crate) struct Schedule {
    work: Option<JoinHandle<()>>,
}

impl Drop for Schedule {
    fn drop(&mut self) {
        if let Some(work) = &self.work {
            work.abort();
        }
    }
}

/// What is made, and when.
struct Plan {
    store: Arc<dyn Store>,
    dir: PathBuf,
    every_ms: i64,
    proves: bool,
    rules: KeepRules,
}

impl Schedule {
    /// Begins with the backups that the settings ask for; with none, nothing happens.
    pub(crate) fn begin(settings: &Settings, store: &Arc<dyn Store>) -> Self {
        let Some((every_h, proves)) = settings.backup_schedule() else {
            return Self { work: None };
        };
        let plan = Plan {
            store: Arc::clone(store),
            dir: backup_dir(settings, None),
            every_ms: i64::from(every_h) * HOUR_MS,
            proves,
            rules: settings.backup_rules(),
        };
        Self {
            work: Some(tokio::spawn(plan.run())),
        }
    }
}

impl Plan {
    async fn run(self) {
        loop {
            if self.is_due() {
                match self.back_up().await {
                    Ok(path) => tracing::info!(
                        operation = "backup",
                        outcome = "ok",
                        path = %path.display(),
                        proved = self.proves,
                        "a backup was made"
                    ),
                    Err(failure) => {
                        tracing::error!(operation = "backup", outcome = "error", error = %failure, "no backup");
                    }
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the newest backup of everything is old enough, or there is none.
    fn is_due(&self) -> bool {
        let listed = list(&self.dir).unwrap_or_default();
        let made = listed.iter().filter_map(|one| {
            let backup = one.backup.as_ref().ok()?;
            let ours = one.name.starts_with(DEFAULT_PREFIX) && backup.facts().scope == Scope::Whole;
            ours.then_some(backup.facts().created_ms)
        });
        made.max()
            .is_none_or(|newest| now_ms() >= newest.saturating_add(self.every_ms))
    }

    async fn back_up(&self) -> Result<PathBuf, Failure> {
        let what = Create::archive(&self.dir, now_ms());
        let made = create(&*self.store, &what, &mut |_, _| {}).await?;
        if self.proves {
            verify(
                &made.path,
                &self.dir,
                &SqliteFiles,
                now_ms(),
                &mut |_, _| {},
            )
            .await?;
        }
        prune(&self.dir, DEFAULT_PREFIX, self.rules, false)?;
        Ok(made.path)
    }
}
