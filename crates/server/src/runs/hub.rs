//! The hub: every run that this process drives, and the way in for new ones.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use everthread_graph::contract::{Multitask, RunId, ThreadKey};
use everthread_graph::{AnyStream, CancellationToken, ErrorKind};
use everthread_store::{RunQuery, RunStatus, Store, StoreErrorKind};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::asks::Ask;
use super::drive;
use super::live::Live;
use super::log::Reader;
use super::order::Order;
use super::thread_feed::Feeds;
use super::webhook::Webhooks;
use crate::assistants::Assistants;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::protocol::{self, Tapes};
use crate::settings::Settings;

/// How long runs that were told to park may take to do so.
const PARKING: Duration = Duration::from_secs(2);

/// Every run that this process drives.
pub(crate) struct Hub {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) assistants: Arc<Assistants>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) webhooks: Webhooks,
    pub(crate) feeds: Feeds,
    /// What happens on threads, for those who follow them.
    pub(crate) tapes: Tapes,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when runs are to be left as they are, for the next process.
    pub(crate) parking: CancellationToken,
    live: Mutex<HashMap<RunId, Arc<Live>>>,
    parked: Mutex<Vec<AnyStream>>,
    stopping: AtomicBool,
}

impl Hub {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        assistants: Arc<Assistants>,
        settings: Settings,
        metrics: Metrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            webhooks: Webhooks::new(settings.private_webhooks),
            tapes: Tapes::new(store.clone()),
            store,
            assistants,
            settings,
            metrics,
            feeds: Feeds::default(),
            tasks: TaskTracker::new(),
            parking: CancellationToken::new(),
            live: Mutex::default(),
            parked: Mutex::default(),
            stopping: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs that are driven now.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// A run of this thread, if it is driven here.
    pub(crate) fn get(&self, key: &ThreadKey, id: RunId) -> Option<Arc<Live>> {
        self.lock()
            .get(&id)
            .filter(|live| live.key == *key)
            .cloned()
    }

    /// The runs of a thread that are driven here, oldest first.
    pub(crate) fn of_thread(&self, key: &ThreadKey) -> Vec<Arc<Live>> {
        let live = self.lock();
        let mut all: Vec<_> = live
            .values()
            .filter(|live| live.key == *key)
            .cloned()
            .collect();
        all.sort_by_key(|live| live.id);
        all
    }

    /// Whether a run of this thread is on its way here, or waits. One that has ended may still be known here, while
    /// its events are kept.
    pub(crate) fn is_busy(&self, key: &ThreadKey) -> bool {
        let mut all = self.of_thread(key).into_iter();
        all.any(|live| live.outcome().is_none())
    }

    /// A run was admitted: whichever was active on its thread before has lost its right to write, and need not find
    /// that out by itself.
    pub(super) fn take_over(&self, admitted: &Arc<Live>) {
        for live in self.of_thread(&admitted.key) {
            if live.id != admitted.id && live.has_begun() {
                live.stop(false);
            }
        }
        admitted.begin();
    }

    pub(super) fn forget(&self, id: RunId) {
        self.lock().remove(&id);
    }

    /// Starts a run, and waits until it is durable: admitted, or in its thread's queue. With a reader, that reader
    /// sees every event.
    ///
    /// # Errors
    /// 503 with `Retry-After` when there is no room, 409 when the policy refuses, and what is wrong with the input:
    /// the run does not exist then.
    pub(crate) async fn start(
        self: &Arc<Self>,
        order: Order,
        read: bool,
    ) -> Result<(Arc<Live>, Option<Reader>), ApiError> {
        let (key, policy) = (order.key.clone(), order.policy);
        let replaced = self.active_elsewhere(&key, policy).await?;
        let live = self.enter(&order)?;
        let reader = read.then(|| live.log.reader(None));
        let mut modes = order.modes().of_engine();
        if order.kept.commanded.is_some() || self.tapes.tape(&order.key).is_followed() {
            modes = modes | protocol::modes();
        }
        let stream = order.graph.stream(
            &order.key,
            order.input.clone(),
            modes,
            order.options(live.cancel.clone()),
        );
        let stream = stream.inspect_err(|_| self.forget(live.id))?;
        self.feeds.tell(&live);
        let (tell, told) = oneshot::channel();
        let driven = drive::drive(self.clone(), order, live.clone(), stream, tell);
        self.tasks.spawn(driven);
        match told.await {
            Ok(Ok(())) => {
                if let Some(replaced) = replaced {
                    // It has lost its right to write, and need not find that out by itself.
                    self.ask(&key, replaced, Ask::Stop).await?;
                }
                Ok((live, reader))
            }
            Ok(Err(error)) => Err(refused(error)),
            Err(_) => Err(ApiError::unavailable("stopping", "the server is stopping")),
        }
    }

    /// The run of another process whose place a run with this policy would take.
    async fn active_elsewhere(
        &self,
        key: &ThreadKey,
        policy: Multitask,
    ) -> Result<Option<RunId>, ApiError> {
        if !matches!(policy, Multitask::Interrupt | Multitask::Rollback) {
            return Ok(None);
        }
        let query = RunQuery {
            statuses: vec![RunStatus::Running],
            limit: 1,
            offset: 0,
        };
        let active = self.store.runs(key, query).await?.into_iter().next();
        Ok(active
            .map(|run| run.id)
            .filter(|run| self.get(key, *run).is_none()))
    }

    /// Makes a run durable that begins later; it is to be started now all the same, and then waits for its time.
    ///
    /// # Errors
    /// As [`Hub::start`].
    pub(crate) async fn put_off(&self, order: &Order, starts_ms: i64) -> Result<(), ApiError> {
        self.has_room(1)?;
        let put = self
            .store
            .enqueue_run(&order.key, order.to_new_run(), Some(starts_ms));
        put.await.map_err(|error| refused(error.into()))?;
        Ok(())
    }

    /// Whether so many more runs would be taken.
    ///
    /// # Errors
    /// 503 with `Retry-After` when not.
    pub(crate) fn has_room(&self, runs: usize) -> Result<(), ApiError> {
        if self.is_stopping() {
            return Err(ApiError::unavailable(
                "stopping",
                "the server is stopping and takes no more runs",
            ));
        }
        let count = self.count();
        if count + runs > self.settings.max_runs {
            return Err(ApiError::unavailable(
                "too_many_runs",
                format!("{count} runs are active or wait here already"),
            ));
        }
        Ok(())
    }

    /// Takes a run in, if there is room.
    fn enter(&self, order: &Order) -> Result<Arc<Live>, ApiError> {
        self.has_room(1)?;
        let live = Live::new(
            order.id,
            order.key.clone(),
            order.kept.clone(),
            order.first_event,
        );
        let mut all = self.lock();
        all.insert(order.id, live.clone());
        Ok(live)
    }

    /// Takes no more runs, lets those that are active end within the limit, and leaves the others as they are, so
    /// that the next process goes on with them.
    pub(crate) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.feeds.close();
        self.tapes.close();
        self.tasks.close();
        let within = tokio::time::timeout(self.settings.shutdown, self.tasks.wait()).await;
        if within.is_err() {
            let left = self.count();
            tracing::warn!(
                operation = "shutdown",
                left,
                "runs are left for the next start"
            );
            self.parking.cancel();
            if tokio::time::timeout(PARKING, self.tasks.wait())
                .await
                .is_err()
            {
                tracing::error!(operation = "shutdown", "runs did not let go");
            }
        }
    }

    /// Keeps a run that is left as it is: dropped while the store is open, it would end.
    pub(super) fn park(&self, stream: AnyStream) {
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        parked.push(stream);
    }

    /// Lets go of the runs that were left. To be called when the store is closed: the next one goes on with them.
    pub(crate) fn let_go(&self) {
        self.parked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Whether no more runs are taken.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl Drop for Hub {
    /// The store may be open still: what was left must not end now.
    fn drop(&mut self) {
        let parked = self
            .parked
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(parked)
            .into_iter()
            .for_each(std::mem::forget);
    }
}

/// Why a run was not begun, in the reference's words where clients know them.
fn refused(error: everthread_graph::Error) -> ApiError {
    match error.kind() {
        ErrorKind::Store(StoreErrorKind::Busy) => ApiError::conflict(
            "thread_busy",
            "Thread is already running a task. Wait for it to finish or choose a different multitask strategy.",
        ),
        _ => error.into(),
    }
}
