//! What follows the writing of messages: the search index, and items whose time is over.
//!
//! A process indexes what it wrote itself, some moments later. What a process left behind that ended before, others find
//! by looking for it. Search sees what the index has not, so nobody waits for this.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use everthread_graph::contract::{StoreError, ThreadId, ThreadKey, UserId};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::sql::{index, item};
use crate::store::Base;

const DOING: &str = "indexing messages";

/// How often this process looks for what others left.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// Those who were active for so long before are looked at then. At the start all are.
const LOOK_BACK_MS: i64 = 3_600_000;

/// How often items whose time is over are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Threads that are told of at once.
const THREADS_AT_ONCE: usize = 1_000;

/// Threads that are remembered; more are found by looking for them.
const MAX_REMEMBERED: usize = 100_000;

/// What keeps the index up to date.
#[derive(Debug)]
pub(crate) struct Indexer {
    base: Arc<Base>,
    written: Arc<Mutex<Written>>,
    /// Dropped when the task is to end.
    stop: Mutex<Option<watch::Sender<()>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Threads to which messages were written since they were last indexed.
#[derive(Debug, Default)]
struct Written {
    threads: HashMap<UserId, HashSet<ThreadId>>,
    count: usize,
    /// Whether some are not remembered.
    lost: bool,
}

impl Written {
    fn add(&mut self, key: &ThreadKey) {
        if self.count >= MAX_REMEMBERED {
            self.lost = true;
            return;
        }
        let threads = match self.threads.get_mut(&key.user) {
            Some(threads) => threads,
            None => self.threads.entry(key.user.clone()).or_default(),
        };
        if !threads.contains(&key.thread) {
            threads.insert(key.thread.clone());
            self.count += 1;
        }
    }
}

impl Indexer {
    /// Starts it.
    pub(crate) fn start(base: Arc<Base>) -> Self {
        let written = Arc::new(Mutex::new(Written {
            lost: true,
            ..Written::default()
        }));
        let (stop, stopped) = watch::channel(());
        let follower = Follower {
            base: Arc::clone(&base),
            written: Arc::clone(&written),
            look: Instant::now() + LOOK_EVERY,
            sweep: Instant::now(),
        };
        let task = tokio::spawn(follower.follow(stopped));
        Self {
            base,
            written,
            stop: Mutex::new(Some(stop)),
            task: Mutex::new(Some(task)),
        }
    }

    /// Says that messages were written to a thread. Called after each commit that wrote some: it must be quick.
    pub(crate) fn wrote(&self, key: &ThreadKey) {
        lock(&self.written).add(key);
    }

    /// Waits until the index has caught up with what was durable at the call, whoever wrote it.
    pub(crate) async fn settle(&self) -> Result<(), StoreError> {
        catch_up(&self.base).await
    }

    /// Indexes what was written and stops.
    pub(crate) async fn stop(&self) {
        drop(lock(&self.stop).take());
        let task = lock(&self.task).take();
        if let Some(task) = task {
            // What it could not do is found by the next one that starts.
            let _ = task.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task.
struct Follower {
    base: Arc<Base>,
    written: Arc<Mutex<Written>>,
    /// When to look for what others left.
    look: Instant,
    /// When to delete items.
    sweep: Instant,
}

impl Follower {
    async fn follow(mut self, mut stopped: watch::Receiver<()>) {
        loop {
            let stops = tokio::select! {
                _ = stopped.changed() => true,
                () = tokio::time::sleep(self.base.options.index_interval) => false,
            };
            if let Err(error) = self.index().await {
                tracing::warn!(%error, "the search index stays behind for now");
                lock(&self.written).lost = true;
            }
            if stops {
                return;
            }
            if let Err(error) = self.tidy().await {
                tracing::warn!(%error, "expired items stay for now");
            }
        }
    }

    async fn index(&mut self) -> Result<(), StoreError> {
        let written = mem::take(&mut *lock(&self.written));
        for (user, threads) in written.threads {
            let threads: Vec<ThreadId> = threads.into_iter().collect();
            index_threads(&self.base, &user, &threads).await?;
        }
        if written.lost {
            catch_up(&self.base).await?;
        }
        if Instant::now() >= self.look {
            self.look = Instant::now() + LOOK_EVERY;
            let since_ms = self.base.now_ms().saturating_sub(LOOK_BACK_MS);
            let conn = self.base.conn(DOING).await?;
            let found = index::behind_since(&conn, since_ms, THREADS_AT_ONCE).await;
            let keys = conn.finish(DOING, found).await?;
            index_all(&self.base, keys).await?;
        }
        Ok(())
    }

    async fn tidy(&mut self) -> Result<(), StoreError> {
        const DOING: &str = "deleting expired items";
        if Instant::now() < self.sweep {
            return Ok(());
        }
        self.sweep = Instant::now() + SWEEP_EVERY;
        let conn = self.base.conn(DOING).await?;
        let swept = item::sweep(&conn, self.base.now_ms()).await;
        conn.finish(DOING, swept).await.map(drop)
    }
}

/// Indexes what is behind now, in all threads.
async fn catch_up(base: &Base) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let conn = base.conn(DOING).await?;
        let found = index::behind(&conn, after, THREADS_AT_ONCE).await;
        let (keys, more) = conn.finish(DOING, found).await?;
        index_all(base, keys).await?;
        if more.is_none() {
            return Ok(());
        }
        after = more;
    }
}

/// Indexes threads; those of one user follow one another.
async fn index_all(base: &Base, keys: Vec<ThreadKey>) -> Result<(), StoreError> {
    for of_user in keys.chunk_by(|a, b| a.user == b.user) {
        let threads: Vec<ThreadId> = of_user.iter().map(|key| key.thread.clone()).collect();
        index_threads(base, &of_user[0].user, &threads).await?;
    }
    Ok(())
}

async fn index_threads(base: &Base, user: &UserId, threads: &[ThreadId]) -> Result<(), StoreError> {
    loop {
        // A connection for each slice: others want one too.
        let conn = base.conn(DOING).await?;
        let more = index::advance(&conn, base.owner.name(), user, threads).await;
        if !conn.finish(DOING, more).await? {
            return Ok(());
        }
    }
}
