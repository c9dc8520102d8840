//! Stopping runs: those driven here, and those that wait or run elsewhere.

use std::sync::Arc;

use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::{Run, RunQuery, RunStatus, StoreErrorKind};
use serde::Deserialize;

use super::hub::Hub;
use super::live::Live;
use crate::error::ApiError;

/// How a run is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stop {
    /// What it has committed stays.
    #[default]
    Interrupt,
    /// What it did is taken back, and it is deleted.
    Rollback,
}

impl Stop {
    /// The action of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "interrupt" => Some(Self::Interrupt),
            "rollback" => Some(Self::Rollback),
            _ => None,
        }
    }
}

/// How a run is alive.
const ALIVE: [RunStatus; 2] = [RunStatus::Pending, RunStatus::Running];
/// Live runs of one thread that are looked at.
const MAX_ALIVE: usize = 1_000;

impl Hub {
    /// Stops one run; gives it when it is driven here, so that its end may be waited for. `false` in the second place
    /// when there is no such run, or it has ended.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn stop_run(
        &self,
        key: &ThreadKey,
        id: RunId,
        stop: Stop,
    ) -> Result<(Option<Arc<Live>>, bool), ApiError> {
        if let Some(live) = self.get(key, id) {
            if live.outcome().is_some() {
                return Ok((None, false));
            }
            live.stop(stop == Stop::Rollback);
            return Ok((Some(live), true));
        }
        let run = self.store.run(key, id).await?;
        match run {
            Some(run) if ALIVE.contains(&run.status) => {
                self.stop_elsewhere(key, &run, stop).await?;
                Ok((None, true))
            }
            _ => Ok((None, false)),
        }
    }

    /// Stops a run that another process drives, or nobody.
    async fn stop_elsewhere(&self, key: &ThreadKey, run: &Run, stop: Stop) -> Result<(), ApiError> {
        match (stop, run.status) {
            (Stop::Interrupt, RunStatus::Pending) => self.store.withdraw(key, run.id).await?,
            (Stop::Interrupt, _) => {
                return Err(ApiError::conflict(
                    "driven_elsewhere",
                    format!(
                        "run {} is driven by another process: stop it there, or roll it back",
                        run.id
                    ),
                ));
            }
            (Stop::Rollback, _) => match self.store.rollback_run(key, run.id).await {
                Err(error) if error.kind() == StoreErrorKind::NotFound => {}
                answer => answer?,
            },
        }
        Ok(())
    }

    /// The live runs of a thread, as the store knows them, with what is driven here.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn alive(&self, key: &ThreadKey) -> Result<Vec<Run>, ApiError> {
        let query = RunQuery {
            statuses: ALIVE.to_vec(),
            offset: 0,
            limit: MAX_ALIVE,
        };
        Ok(self.store.runs(key, query).await?)
    }

    /// Stops every run of a thread and waits until those driven here have ended.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn clear_thread(&self, key: &ThreadKey) -> Result<(), ApiError> {
        let driven = self.of_thread(key);
        for live in &driven {
            live.stop(false);
        }
        for live in &driven {
            live.wait().await;
        }
        for run in self.alive(key).await? {
            if run.status == RunStatus::Pending {
                self.store.withdraw(key, run.id).await?;
            }
        }
        Ok(())
    }
}
