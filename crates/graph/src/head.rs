//! The head of a thread as the engine holds it, and the memory of heads that spares loading them.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::contract::{CheckpointId, Namespace, Saved, TaskWrites, ThreadKey};
use crate::error::{Error, ErrorKind};
use crate::plan::{Plan, Topology};
use crate::state::State;

/// A checkpoint with its state, typed.
#[derive(Debug)]
pub(crate) struct Head<S> {
    pub(crate) id: Option<CheckpointId>,
    /// The highest id that the thread is known to have had: the next one must be above it.
    pub(crate) last: Option<CheckpointId>,
    pub(crate) step: i64,
    pub(crate) state: Arc<S>,
    pub(crate) plan: Plan,
    pub(crate) pending: Vec<TaskWrites>,
}

impl<S: State> Head<S> {
    /// Before anything has happened.
    pub(crate) fn empty(state: Arc<S>) -> Self {
        Self {
            id: None,
            last: None,
            step: -2,
            state,
            plan: Plan::default(),
            pending: Vec::new(),
        }
    }

    /// The same once more; the state is shared.
    pub(crate) fn copy(&self) -> Self {
        Self {
            id: self.id,
            last: self.last,
            step: self.step,
            state: self.state.clone(),
            plan: self.plan.clone(),
            pending: self.pending.clone(),
        }
    }

    pub(crate) fn of(saved: Saved, topology: &Topology) -> Result<Self, Error> {
        let mut state = S::initial();
        for (channel, stored) in &saved.channels {
            state.load(channel, stored).map_err(|error| {
                let context = format!("checkpoint {}: {error}", saved.checkpoint.id);
                Error::new(ErrorKind::Corrupt, context).with_source(error)
            })?;
        }
        Ok(Self {
            id: Some(saved.checkpoint.id),
            last: Some(saved.last),
            step: saved.checkpoint.step,
            state: Arc::new(state),
            plan: Plan::from_json(topology, &saved.checkpoint.plan)?,
            pending: saved.pending,
        })
    }
}

type Heads<S> = LruCache<(ThreadKey, Namespace), Arc<Head<S>>>;

/// The heads used last. What is remembered may be stale: the expected head of a commit tells.
pub(crate) struct HeadCache<S>(Mutex<Heads<S>>);

impl<S> HeadCache<S> {
    pub(crate) fn new(size: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::new(size)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Heads<S>> {
        // Every change is one call of the map, so that a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &ThreadKey, ns: &Namespace) -> Option<Arc<Head<S>>> {
        self.lock().get(&(key.clone(), ns.clone())).cloned()
    }

    pub(crate) fn insert(&self, key: &ThreadKey, ns: &Namespace, head: Arc<Head<S>>) {
        self.lock().put((key.clone(), ns.clone()), head);
    }

    pub(crate) fn remove(&self, key: &ThreadKey, ns: &Namespace) {
        self.lock().pop(&(key.clone(), ns.clone()));
    }
}

impl<S> fmt::Debug for HeadCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadCache").finish_non_exhaustive()
    }
}
