//! The events of a thread as one sequence: numbers, the run that has the turn, and who follows.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::{Store, StoreError};
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::event::Told;
use super::rest;
use super::teller::Tree;
use crate::runs::{Log, Reader};

/// Tapes that are remembered before those that nobody uses are forgotten.
const MAX_TAPES: usize = 1_024;
/// Runs that may wait for a follower; one that is further behind is cut off.
const MAX_WAITING: usize = 64;
/// Runs that are told again to a client that names no place.
const RUNS_AGAIN: usize = 10;
/// Between the last number that was kept and the first new one of another process: more than a crash can lose or a run
/// may still be told, so that nobody who saw such an event misses a new one.
const GAP: u64 = 1 << 20;
/// How long a run waits until another process has told the one before it to its end.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(25);

/// What events of a thread's own graph as a whole are called.
const ROOT: &str = "lifecycle|";

/// The tapes of all threads that are spoken of.
pub(crate) struct Tapes {
    store: Arc<dyn Store>,
    all: Mutex<HashMap<ThreadKey, Arc<Tape>>>,
    closed: AtomicBool,
}

impl Tapes {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            all: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadKey, Arc<Tape>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tape of a thread.
    pub(crate) fn tape(&self, key: &ThreadKey) -> Arc<Tape> {
        let mut all = self.lock();
        if let Some(tape) = all.get(key) {
            return tape.clone();
        }
        if all.len() >= MAX_TAPES {
            // Those of which nothing was told go first: nothing is lost with them.
            all.retain(|_, tape| {
                Arc::strong_count(tape) > 1 || tape.opened.load(Ordering::Acquire)
            });
        }
        if all.len() >= MAX_TAPES {
            all.retain(|_, tape| Arc::strong_count(tape) > 1);
        }
        let closed = self.closed.load(Ordering::Acquire);
        let tape = Arc::new(Tape::new(self.store.clone(), key.clone(), closed));
        all.insert(key.clone(), tape.clone());
        tape
    }

    /// Ends what follows, once it has heard the runs that are being told.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for tape in self.lock().values() {
            tape.close();
        }
    }
}

/// The events of one thread.
pub(crate) struct Tape {
    store: Arc<dyn Store>,
    pub(crate) key: ThreadKey,
    /// What other processes told was read before.
    opened: AtomicBool,
    /// What is known here of the events in the store, held by who reads there.
    stored: tokio::sync::Mutex<Stored>,
    /// Held by the run that is told.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The number of the last event; 0 before the first.
    last: AtomicU64,
    followers: AtomicUsize,
    state: Mutex<State>,
}

/// What is known of the events in the store.
struct Stored {
    /// The number of the last one; 0 before the first.
    last: u64,
    /// Whether no run is in the midst of being told there.
    is_end: bool,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            last: 0,
            is_end: true,
        }
    }
}

#[derive(Default)]
struct State {
    /// The run that is told, and its events.
    current: Option<Heard>,
    /// The numbers of the first events of the newest runs, oldest first.
    starts: VecDeque<u64>,
    /// What the run that is told, or was last, consists of.
    tree: Tree,
    feeds: Vec<mpsc::Sender<(Heard, Reader)>>,
    closed: bool,
}

/// A run that is told.
#[derive(Clone)]
pub(super) struct Heard {
    pub(super) run: RunId,
    pub(super) log: Arc<Log>,
}

impl State {
    fn starts_at(&mut self, seq: u64) {
        if self.starts.len() == RUNS_AGAIN {
            self.starts.pop_front();
        }
        self.starts.push_back(seq);
    }
}

impl Tape {
    fn new(store: Arc<dyn Store>, key: ThreadKey, closed: bool) -> Self {
        Self {
            store,
            key,
            opened: AtomicBool::new(false),
            stored: tokio::sync::Mutex::default(),
            turn: Arc::default(),
            last: AtomicU64::new(0),
            followers: AtomicUsize::new(0),
            state: Mutex::new(State {
                closed,
                ..State::default()
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds out what other processes told since this was last asked. Numbers that are given here come after.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        self.read_on().await.map(drop)
    }

    /// The same; says whether the last of it is the end of a run.
    async fn read_on(&self) -> Result<bool, StoreError> {
        let mut stored = self.stored.lock().await;
        if self.lock().current.is_some() {
            // Nobody else tells anything meanwhile.
            return Ok(true);
        }
        let before = stored.last;
        loop {
            let after = (stored.last > 0).then_some(stored.last);
            let page = rest::read(&*self.store, &self.key, after).await?;
            let Some(last) = page.last() else { break };
            let mut state = self.lock();
            for event in page.iter().filter(|event| event.head == ROOT) {
                let says = |word: &str| {
                    let said = event.json.as_deref();
                    said.is_some_and(|json| json.contains(&format!(r#""data":{{"event":"{word}""#)))
                };
                stored.is_end = !says("running");
                if !stored.is_end {
                    state.starts_at(event.seq);
                }
            }
            stored.last = last.seq;
        }
        if stored.last > before {
            self.last.fetch_max(stored.last + GAP, Ordering::AcqRel);
        }
        self.opened.store(true, Ordering::Release);
        Ok(stored.is_end)
    }

    /// Waits, for a while, until what another process tells has come to its end.
    async fn wait_for_others(&self) -> Result<(), StoreError> {
        let begun = Instant::now();
        while !self.read_on().await? && begun.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// The number of the last event; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Whether anybody follows.
    pub(crate) fn is_followed(&self) -> bool {
        self.followers.load(Ordering::Acquire) > 0
    }

    /// Where a client begins that names no place: some runs ago.
    pub(super) fn some_runs_ago(&self) -> u64 {
        self.lock().starts.front().copied().unwrap_or(1)
    }

    /// The run that is told, and what it consists of.
    pub(crate) fn tree(&self) -> Option<(RunId, Tree)> {
        let state = self.lock();
        let current = state.current.as_ref()?;
        Some((current.run, state.tree.clone()))
    }

    /// Says what the run that is told consists of.
    pub(super) fn set_tree(&self, tree: Tree) {
        self.lock().tree = tree;
    }

    /// Follows from now on: the run that is told, and every one that will be.
    pub(super) fn follow(self: &Arc<Self>) -> Following {
        let (sender, feed) = mpsc::channel(MAX_WAITING);
        let mut state = self.lock();
        state.feeds.retain(|feed| !feed.is_closed());
        if !state.closed {
            state.feeds.push(sender);
        }
        self.followers.fetch_add(1, Ordering::AcqRel);
        let current = state.current.clone().map(|heard| {
            let reader = heard.log.reader(None);
            (heard, reader)
        });
        Following {
            tape: self.clone(),
            current,
            feed,
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.feeds.clear();
    }

    /// Waits for the turn, and begins to tell a run.
    ///
    /// # Errors
    /// As the store answers.
    pub(super) async fn tell(self: &Arc<Self>, run: RunId) -> Result<Telling, StoreError> {
        let turn = self.turn.clone().lock_owned().await;
        self.wait_for_others().await?;
        let first = self.last() + 1;
        let log = Log::new(true, first);
        let heard = Heard {
            run,
            log: log.clone(),
        };
        let mut state = self.lock();
        state.starts_at(first);
        state.tree = Tree::default();
        state.current = Some(heard.clone());
        state.feeds.retain(|feed| {
            let reader = log.reader(Some(first));
            feed.try_send((heard.clone(), reader)).is_ok()
        });
        drop(state);
        let keep = rest::keep(self.store.clone(), self.key.clone(), run, log.clone());
        Ok(Telling {
            tape: self.clone(),
            log,
            keeping: Some(tokio::spawn(keep)),
            _turn: turn,
        })
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }
}

/// A run that is being told. While it lives, no other one is on this thread.
pub(super) struct Telling {
    pub(super) tape: Arc<Tape>,
    log: Arc<Log>,
    keeping: Option<JoinHandle<()>>,
    _turn: OwnedMutexGuard<()>,
}

impl Telling {
    /// Tells an event.
    pub(super) async fn push(&self, told: &Told) {
        // The number is given in there; nobody else gives any meanwhile.
        let seq = self.tape.last() + 1;
        self.tape.last.store(seq, Ordering::Release);
        self.log.push(&told.head, &told.json).await;
    }

    /// Ends: everything is in the store when this returns.
    pub(super) async fn end(mut self) {
        self.log.close();
        if let Some(keeping) = self.keeping.take()
            && let Err(error) = keeping.await
        {
            tracing::error!(operation = "thread_events", %error, "events of a thread were not kept");
        }
        let mut stored = self.tape.stored.lock().await;
        stored.last = self.tape.last().max(stored.last);
        stored.is_end = true;
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.log.close();
        self.tape.lock().current = None;
    }
}

/// Who follows a tape.
pub(super) struct Following {
    pub(super) tape: Arc<Tape>,
    /// The run that was told when this began, and what comes of it from then on.
    pub(super) current: Option<(Heard, Reader)>,
    /// Those that were told later, with all their events.
    pub(super) feed: mpsc::Receiver<(Heard, Reader)>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.tape.followers.fetch_sub(1, Ordering::AcqRel);
    }
}
