//! How the storage stands: whether it answers, and now and then how large it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use everthread_store::{ListRecords, Stats, Store};

use super::{Component, Probe, Standing};

/// Longest time for an answer before the storage counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long sizes and counts are told from memory: finding them reads much.
const FRESH: Duration = Duration::from_secs(30);
/// Messages that the search index may lack before somebody should look.
const MAX_UNINDEXED: u64 = 100_000;

/// Looks at a store.
#[derive(Debug)]
pub(crate) struct StorageProbe {
    store: Arc<dyn Store>,
    stats: Mutex<Option<(Instant, Stats)>>,
}

impl StorageProbe {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            stats: Mutex::default(),
        }
    }

    /// Whether the store answers in time.
    pub(crate) async fn answers(&self) -> Result<(), String> {
        let question = self.store.records("health", ListRecords::default());
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn stats(&self) -> Result<Stats, String> {
        let held = self
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((at, stats)) = held
            && at.elapsed() < FRESH
        {
            return Ok(stats);
        }
        let stats = self
            .store
            .stats()
            .await
            .map_err(|error| error.to_string())?;
        let mut held = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some((Instant::now(), stats.clone()));
        Ok(stats)
    }
}

#[async_trait]
impl Probe for StorageProbe {
    async fn look(&self) -> Component {
        let found = match self.answers().await {
            Ok(()) => self.stats().await,
            Err(why) => Err(why),
        };
        let stats = match found {
            Ok(stats) => stats,
            Err(why) => return Component::new("storage", Standing::Failed).hint(why),
        };
        let component = if stats.unindexed > MAX_UNINDEXED {
            Component::new("storage", Standing::Degraded)
                .hint("the search index is far behind; searches are slow until it has caught up")
        } else {
            Component::new("storage", Standing::Ok)
        };
        component
            .fact("engine", stats.engine)
            .fact("file_bytes", stats.file_bytes)
            .fact("live_bytes", stats.live_bytes)
            .fact("users", stats.users)
            .fact("threads", stats.threads)
            .fact("messages", stats.messages)
            .fact("unindexed", stats.unindexed)
    }
}
