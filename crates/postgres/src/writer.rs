//! Who writes: one task for each thread that is being written to, so that its writes go in order; those of different
//! threads go side by side, each on a connection of its own, and the database syncs them together.

mod channels;
mod group;
mod lane;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use everthread_graph::contract::{
    Commit, PendingWrites, RunMark, StoreError, ThreadKey, Ticket, TicketSender,
};
use lru::LruCache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::closed;
use crate::indexer::Indexer;
use crate::sql::desk::Env;
use crate::sql::state::ThreadState;
use crate::store::Base;

pub(crate) use channels::Channels;
use lane::Lanes;

/// Threads that are remembered between writes.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).expect("some are remembered");

/// What is handed over.
#[derive(Debug)]
pub(crate) enum Work {
    /// One step.
    Commit(Commit),
    /// What tasks left.
    Write(PendingWrites),
}

impl Work {
    /// The thread.
    fn key(&self) -> &ThreadKey {
        match self {
            Self::Commit(commit) => &commit.key,
            Self::Write(writes) => &writes.key,
        }
    }

    /// What it means for a run.
    fn mark(&self) -> &RunMark {
        match self {
            Self::Commit(commit) => &commit.run,
            Self::Write(writes) => &writes.run,
        }
    }
}

/// Work and whom its answers are owed.
#[derive(Debug)]
struct Job {
    work: Work,
    ticket: TicketSender,
    /// A place in the queue, until it is answered.
    _place: OwnedSemaphorePermit,
}

/// Takes writes.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
}

/// What the tasks that write share.
#[derive(Debug)]
struct Shared {
    base: Arc<Base>,
    env: Env,
    indexer: Arc<Indexer>,
    lanes: Lanes,
    remembered: Mutex<LruCache<ThreadKey, ThreadState>>,
    /// As many as may wait.
    places: Arc<Semaphore>,
}

impl Writer {
    /// One that has nothing to do.
    pub(crate) fn new(base: Arc<Base>, indexer: Arc<Indexer>) -> Self {
        let env = Env {
            clock: base.options.clock.clone(),
            owner: base.owner.name(),
            waiting_runs: base.options.waiting_runs,
            channels: Channels::default(),
        };
        Self {
            shared: Arc::new(Shared {
                places: Arc::new(Semaphore::new(base.options.queue_len)),
                env,
                indexer,
                lanes: Lanes::default(),
                remembered: Mutex::new(LruCache::new(REMEMBERED)),
                base,
            }),
        }
    }

    /// What the rules need beside the rows.
    pub(crate) fn env(&self) -> &Env {
        &self.shared.env
    }

    /// Hands a write over. Waits only while too many wait.
    pub(crate) async fn hand_over(&self, work: Work) -> Result<Ticket, StoreError> {
        let places = Arc::clone(&self.shared.places);
        let place = places.acquire_owned().await.map_err(|_| closed())?;
        if let Work::Commit(commit) = &work {
            let channels = &self.shared.env.channels;
            channels.learn(&self.shared.base, commit).await?;
        }
        let (ticket, answers) = Ticket::new();
        let key = work.key().clone();
        let job = Job {
            work,
            ticket,
            _place: place,
        };
        if self.shared.lanes.push(&key, job) {
            tokio::spawn(lane::run(Arc::clone(&self.shared), key));
        }
        Ok(answers)
    }

    /// Finishes what was handed over; nothing more is taken.
    pub(crate) async fn close(&self) {
        self.shared.places.close();
        self.shared.lanes.empty().await;
    }
}

impl Shared {
    /// What is remembered of a thread; it is forgotten until it is given back.
    fn recall(&self, key: &ThreadKey) -> Option<ThreadState> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop(key)
    }

    /// Remembers a thread as it was written.
    fn remember(&self, key: &ThreadKey, state: ThreadState) {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(key.clone(), state);
    }
}
