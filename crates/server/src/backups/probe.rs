//! How old the newest verified backup is, for health and counters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use everthread_backup::newest_verified;
use serde_json::Value;

use super::making::now_ms;
use super::{Jobs, Schedule};
use crate::health::{Component, Probe, Standing};
use crate::metrics::Metrics;

/// How long after its start a server with a schedule may be without a verified backup.
const GRACE: Duration = Duration::from_secs(60 * 60);

/// Looks at the folder of the backups.
pub(crate) struct BackupProbe {
    jobs: Arc<Jobs>,
    started: Instant,
}

impl BackupProbe {
    pub(crate) fn new(jobs: Arc<Jobs>, started: Instant) -> Self {
        Self { jobs, started }
    }

    /// The age of the newest verified backup; `None` when none was verified.
    async fn age(&self) -> Option<Duration> {
        let dir = self.jobs.backups().dir().to_owned();
        let made_ms = tokio::task::spawn_blocking(move || newest_verified(&dir)).await;
        let age_ms = now_ms().saturating_sub(made_ms.ok()??);
        // A clock that was set back makes no backup younger than new.
        Some(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
    }
}

/// What is wrong with a newest verified backup of this age; nothing where no schedule is set. Too old is twice the
/// time between two backups: one has failed then.
fn lack(schedule: Option<Schedule>, age: Option<Duration>, up: Duration) -> Option<String> {
    let schedule = schedule?;
    match age {
        _ if !schedule.verify => Some(
            "backups are made and not verified: set verify under [backup], since only a restore proves a backup"
                .to_owned(),
        ),
        None if up > GRACE => Some(
            "there is no verified backup yet, although a schedule is set: the log and GET /api/jobs say why".to_owned(),
        ),
        Some(age) if age > schedule.every * 2 => Some(format!(
            "the newest verified backup is {} h old, and one is due every {} h: the log and GET /api/jobs say why",
            age.as_secs() / 3_600,
            schedule.every.as_secs() / 3_600
        )),
        _ => None,
    }
}

#[async_trait]
impl Probe for BackupProbe {
    async fn look(&self) -> Component {
        let schedule = self.jobs.backups().schedule;
        let age = self.age().await;
        let component = match lack(schedule, age, self.started.elapsed()) {
            Some(hint) => Component::new("backup", Standing::Degraded).hint(hint),
            None => Component::new("backup", Standing::Ok),
        };
        let seconds =
            |span: Option<Duration>| span.map_or(Value::Null, |span| span.as_secs().into());
        component
            .fact("verified_age_s", seconds(age))
            .fact("every_s", seconds(schedule.map(|schedule| schedule.every)))
    }

    async fn refresh(&self, metrics: &Metrics) {
        metrics.set_backup_age(self.age().await);
    }
}

impl std::fmt::Debug for BackupProbe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupProbe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn only_a_schedule_makes_a_backup_too_old() {
        let daily = Schedule {
            every: 24 * HOUR,
            verify: true,
        };
        let is_fine = |schedule, age, up| lack(schedule, age, up).is_none();
        assert!(is_fine(None, None, 999 * HOUR));
        assert!(is_fine(None, Some(999 * HOUR), HOUR));
        assert!(is_fine(Some(daily), None, HOUR / 2), "it may be on its way");
        assert!(!is_fine(Some(daily), None, 2 * HOUR));
        assert!(is_fine(Some(daily), Some(47 * HOUR), 99 * HOUR));
        assert!(!is_fine(Some(daily), Some(49 * HOUR), HOUR));
        let unproved = Schedule {
            verify: false,
            ..daily
        };
        assert!(!is_fine(Some(unproved), Some(HOUR), HOUR));
    }
}
