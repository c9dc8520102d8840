//! What servers on one storage ask each other about runs: to stop one, or to keep its events for somebody who reads
//! them elsewhere.
//!
//! An ask is a document of the deployment, named by its run. The process that drives the run finds it within [`LOOK`],
//! does it and takes it away; a process without runs does not look. One that nobody takes goes after [`KEPT`]: long
//! enough for the run of a process that died to be taken up by another, which then hears it.

use std::sync::Arc;
use std::time::Duration;

use everthread_graph::contract::{Json, RunId, ThreadId, ThreadKey, UserId};
use everthread_store::{ListRecords, Record, StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::hub::Hub;
use super::remote::goes_on;
use super::store_log;

/// The kind of its documents.
const KIND: &str = "ask";
/// How often a process with runs looks what it is asked.
const LOOK: Duration = Duration::from_millis(250);
/// Asks that are looked at in one go.
const BATCH: usize = 500;
/// How long an ask waits for the process that it is for.
const KEPT: Duration = Duration::from_secs(60);
/// How long a run that was to be stopped elsewhere is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of the process that drives a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ask {
    /// To stop it. What it has committed stays.
    Stop,
    /// To keep its events from now on.
    Tell,
}

#[derive(Serialize, Deserialize)]
struct AtRest {
    user: UserId,
    thread: ThreadId,
    run: RunId,
    ask: Ask,
}

impl Hub {
    /// Asks the process that drives a run, whichever it is. Asking twice is asking once.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn ask(
        &self,
        key: &ThreadKey,
        run: RunId,
        ask: Ask,
    ) -> Result<(), StoreError> {
        let name = match ask {
            Ask::Stop => "stop",
            Ask::Tell => "tell",
        };
        let body = Json::of(&AtRest {
            user: key.user.clone(),
            thread: key.thread.clone(),
            run,
            ask,
        });
        let body = body.unwrap_or_else(|_| Json::trusted("{}"));
        let id = format!("{run}.{name}");
        match self.store.put_record(KIND, &id, None, body).await {
            Err(error) if error.kind() != StoreErrorKind::Exists => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until a run has ended that another process was asked to stop; `false` when that does not happen.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn ended(&self, key: &ThreadKey, run: RunId) -> Result<bool, StoreError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let found = self.store.run(key, run).await?;
            if !found.as_ref().is_some_and(goes_on) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK / 2).await;
        }
        Ok(false)
    }

    /// Does what other processes ask, until it is aborted.
    pub(crate) async fn hear_asks(self: Arc<Self>) {
        let mut rounds = interval(LOOK);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            if self.count() == 0 {
                continue;
            }
            if let Err(error) = self.hear().await {
                tracing::debug!(operation = "asks", %error, "what other servers ask is not known");
            }
        }
    }

    async fn hear(&self) -> Result<(), StoreError> {
        let query = ListRecords {
            offset: 0,
            limit: BATCH,
        };
        for record in self.store.records(KIND, query).await? {
            if self.does(&record) || is_old(&record) {
                self.store.delete_record(KIND, &record.id).await?;
            }
        }
        Ok(())
    }

    /// Does what is asked, if the run is driven here.
    fn does(&self, record: &Record) -> bool {
        let Ok(asked) = record.body.read::<AtRest>() else {
            return false;
        };
        let key = ThreadKey {
            user: asked.user,
            thread: asked.thread,
        };
        let Some(live) = self.get(&key, asked.run) else {
            return false;
        };
        match asked.ask {
            Ask::Stop => live.stop(false),
            // The events of a resumable run are kept anyway.
            Ask::Tell => {
                if live.read_elsewhere() && !live.log.is_resumable() {
                    let reader = live.log.reader(None);
                    self.tasks
                        .spawn(store_log::keep(self.store.clone(), live, reader));
                }
            }
        }
        true
    }
}

fn is_old(record: &Record) -> bool {
    let age_ms = jiff::Timestamp::now().as_millisecond() - record.created_ms;
    u128::try_from(age_ms).is_ok_and(|age_ms| age_ms > KEPT.as_millis())
}
