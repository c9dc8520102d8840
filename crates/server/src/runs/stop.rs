//! Stopping runs: those driven here, and those that wait or run elsewhere.

use std::sync::Arc;

use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::{Run, RunQuery, RunStatus, StoreErrorKind};
use serde::Deserialize;

use super::asks::Ask;
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

/// What became of the wish to stop a run.
pub(crate) enum Stopped {
    /// It is driven here, and is about to end.
    Here(Arc<Live>),
    /// Another process drives it, and was asked; or it waited, and waits no longer.
    Elsewhere,
    /// There is no such run, or it has ended.
    Absent,
}

/// How a run is alive.
const ALIVE: [RunStatus; 2] = [RunStatus::Pending, RunStatus::Running];
/// Live runs of one thread that are looked at.
const MAX_ALIVE: usize = 1_000;

impl Hub {
    /// Stops one run.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn stop_run(
        &self,
        key: &ThreadKey,
        id: RunId,
        stop: Stop,
    ) -> Result<Stopped, ApiError> {
        if let Some(live) = self.get(key, id) {
            if live.outcome().is_some() {
                return Ok(Stopped::Absent);
            }
            live.stop(stop == Stop::Rollback);
            return Ok(Stopped::Here(live));
        }
        let run = self.store.run(key, id).await?;
        match run {
            Some(run) if ALIVE.contains(&run.status) => {
                self.stop_elsewhere(key, &run, stop).await?;
                Ok(Stopped::Elsewhere)
            }
            _ => Ok(Stopped::Absent),
        }
    }

    /// Stops a run that another process drives, or nobody.
    async fn stop_elsewhere(&self, key: &ThreadKey, run: &Run, stop: Stop) -> Result<(), ApiError> {
        match (stop, run.status) {
            (Stop::Interrupt, RunStatus::Pending) => self.store.withdraw(key, run.id).await?,
            (Stop::Interrupt, _) => self.ask(key, run.id, Ask::Stop).await?,
            (Stop::Rollback, _) => {
                match self.store.rollback_run(key, run.id).await {
                    Err(error) if error.kind() == StoreErrorKind::NotFound => {}
                    answer => answer?,
                }
                // It has lost its right to write, and need not find that out by itself.
                if run.status == RunStatus::Running {
                    self.ask(key, run.id, Ask::Stop).await?;
                }
            }
        }
        Ok(())
    }

    /// Stops one run, wherever it is driven, and waits until it has ended.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn stop_and_wait(&self, key: &ThreadKey, id: RunId) -> Result<(), ApiError> {
        match self.stop_run(key, id, Stop::Interrupt).await? {
            Stopped::Here(live) => {
                live.wait().await;
            }
            Stopped::Elsewhere => {
                self.ended(key, id).await?;
            }
            Stopped::Absent => {}
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

    /// Stops every run of a thread and waits until they have ended.
    ///
    /// # Errors
    /// `driven_elsewhere` when another process does not let go of one; as the store answers.
    pub(crate) async fn clear_thread(&self, key: &ThreadKey) -> Result<(), ApiError> {
        let driven = self.of_thread(key);
        for live in &driven {
            live.stop(false);
        }
        for live in &driven {
            live.wait().await;
        }
        for run in self.alive(key).await? {
            self.stop_elsewhere(key, &run, Stop::Interrupt).await?;
            if !self.ended(key, run.id).await? {
                return Err(ApiError::conflict(
                    "driven_elsewhere",
                    format!(
                        "run {} is driven by another process, which does not stop it",
                        run.id
                    ),
                ));
            }
        }
        Ok(())
    }
}
