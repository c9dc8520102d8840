//! Runs that another process left are gone on with, or ended: at the start, and again and again, because other servers
//! on the same storage may die at any time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use everthread_graph::AnyInput;
use everthread_graph::contract::{Multitask, ThreadKey};
use everthread_store::{Run, StoreError};

use tokio::time::{MissedTickBehavior, interval};

use super::hub::Hub;
use super::kept::Kept;
use super::order::Order;
use super::store_log;
use crate::settings::LeftActive;

/// How often it is looked for runs that were left.
const ROUND: Duration = Duration::from_secs(1);
/// Threads that are looked at in one go.
const BATCH: usize = 256;
/// Between the last event that was kept and the first new one: more than a crash can lose, so that nobody who saw a
/// lost one misses a new one.
const GAP: u64 = 1 << 20;

impl Hub {
    /// Takes up what other processes leave, until it is aborted. A round that fails is tried again with the next.
    pub(crate) async fn keep_recovering(self: Arc<Self>) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_stopping() {
            rounds.tick().await;
            if let Err(error) = self.recover().await {
                tracing::debug!(operation = "recover", %error, "what was left is not known");
            }
        }
    }

    /// Takes up what other processes left, thread by thread.
    ///
    /// # Errors
    /// As the store answers; what was taken up goes on.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut seen: HashSet<ThreadKey> = HashSet::new();
        loop {
            let threads = self.store.live_threads(BATCH).await?;
            let new: Vec<ThreadKey> = threads
                .into_iter()
                .filter(|key| seen.insert(key.clone()))
                .collect();
            if new.is_empty() {
                return Ok(());
            }
            for key in new {
                if let Err(error) = self.recover_thread(&key).await {
                    tracing::error!(operation = "recover", %key, %error, "a thread was not taken up");
                }
            }
        }
    }

    async fn recover_thread(self: &Arc<Self>, key: &ThreadKey) -> Result<(), StoreError> {
        let claimed = self.store.claim(key).await?;
        if let Some(active) = claimed.active {
            self.go_on(key, active).await?;
        }
        for run in claimed.waiting {
            self.take_up(key, run).await?;
        }
        Ok(())
    }

    /// Goes on with a run that was active.
    async fn go_on(self: &Arc<Self>, key: &ThreadKey, run: Run) -> Result<(), StoreError> {
        let (id, graph) = (run.id, run.graph.clone());
        if self.settings.left_active == LeftActive::Fail {
            tracing::warn!(operation = "recover", run = %id, "a run that a crash left is ended");
            return Ok(());
        }
        // One that nobody asked this server for is its owner's to go on with.
        let Some(kept) = Kept::read(run.details.as_ref()) else {
            return Ok(());
        };
        let Some(mut order) = self.order_again(key, run, kept).await? else {
            tracing::error!(operation = "recover", run = %id, graph, "no such graph: the run is ended");
            return Ok(());
        };
        order.input = AnyInput::Resume;
        order.checkpoint = None;
        // It comes before those that wait.
        order.policy = Multitask::Interrupt;
        order.attempt = 2;
        match self.start(order, false).await {
            Ok(_) => tracing::info!(operation = "recover", run = %id, "a run goes on"),
            Err(error) => {
                tracing::warn!(operation = "recover", run = %id, %error, "a run could not go on");
            }
        }
        Ok(())
    }

    /// Lets a run that waited take its turn.
    async fn take_up(self: &Arc<Self>, key: &ThreadKey, run: Run) -> Result<(), StoreError> {
        let id = run.id;
        let kept = Kept::read(run.details.as_ref()).unwrap_or_default();
        let input = run.input.as_ref().map(AnyInput::from_json);
        let order = match input {
            Some(Ok(input)) => self
                .order_again(key, run, kept)
                .await?
                .map(|order| Order { input, ..order }),
            _ => None,
        };
        let Some(order) = order else {
            tracing::error!(operation = "recover", run = %id, "a run that waited cannot be read: it is withdrawn");
            return self.store.withdraw(key, id).await;
        };
        match self.start(order, false).await {
            Ok(_) => {
                tracing::info!(operation = "recover", run = %id, "a run waits for its turn again");
            }
            Err(error) => {
                tracing::warn!(operation = "recover", run = %id, %error, "a run that waited was not begun");
                self.store.withdraw(key, id).await?;
            }
        }
        Ok(())
    }

    /// What was ordered, as it was kept; `None` without its graph.
    async fn order_again(
        &self,
        key: &ThreadKey,
        run: Run,
        kept: Kept,
    ) -> Result<Option<Order>, StoreError> {
        let Some(graph) = self.assistants.graphs.by_name(&run.graph) else {
            return Ok(None);
        };
        let told = store_log::last(&*self.store, key, run.id).await?;
        let first_event = told.map_or(0, |told| told + GAP);
        Ok(Some(Order {
            id: run.id,
            key: key.clone(),
            graph: graph.clone(),
            input: AnyInput::Resume,
            policy: run.policy,
            checkpoint: kept.checkpoint.as_deref().and_then(|id| id.parse().ok()),
            kept: Arc::new(kept),
            attempt: 1,
            first_event,
            name_thread: true,
        }))
    }
}
