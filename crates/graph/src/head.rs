//! The head of a thread as the engine holds it, and the memory of heads that spares loading them.

mod sizes;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::contract::{CheckpointId, Namespace, Saved, TaskWrites, ThreadKey};
use crate::error::{Error, ErrorKind};
use crate::plan::{Plan, Topology};
use crate::state::State;

pub(crate) use sizes::Sizes;

/// A checkpoint with its state, typed.
#[derive(Debug)]
pub(crate) struct Head<S> {
    pub(crate) id: Option<CheckpointId>,
    /// The highest id that the thread is known to have had: the next one must be above it.
    pub(crate) last: Option<CheckpointId>,
    pub(crate) step: i64,
    pub(crate) state: Arc<S>,
    pub(crate) sizes: Sizes,
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
            sizes: Sizes::default(),
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
            sizes: self.sizes.clone(),
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
            sizes: Sizes::of(&saved.channels),
            plan: Plan::from_json(topology, &saved.checkpoint.plan)?,
            pending: saved.pending,
        })
    }
}

/// The heads used last, as many as the bounds allow. What is remembered may be stale: the expected head of a commit
/// tells.
pub(crate) struct HeadCache<S>(Mutex<Heads<S>>);

struct Heads<S> {
    heads: LruCache<(ThreadKey, Namespace), Arc<Head<S>>>,
    /// JSON of all their states.
    bytes: usize,
    max_bytes: usize,
}

impl<S> Heads<S> {
    fn put(&mut self, key: (ThreadKey, Namespace), head: Arc<Head<S>>) {
        self.bytes += head.sizes.total();
        if let Some((_, gone)) = self.heads.push(key, head) {
            self.bytes -= gone.sizes.total();
        }
        while self.bytes > self.max_bytes && self.heads.len() > 1 {
            if let Some((_, gone)) = self.heads.pop_lru() {
                self.bytes -= gone.sizes.total();
            }
        }
    }

    fn remove(&mut self, key: &(ThreadKey, Namespace)) {
        if let Some(gone) = self.heads.pop(key) {
            self.bytes -= gone.sizes.total();
        }
    }
}

impl<S> HeadCache<S> {
    /// Bounded by a number of heads and by the JSON of their states; the head used last stays however large it is.
    pub(crate) fn new(size: NonZeroUsize, max_bytes: usize) -> Self {
        Self(Mutex::new(Heads {
            heads: LruCache::new(size),
            bytes: 0,
            max_bytes,
        }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Heads<S>> {
        // What a panic could leave behind is a wrong count of bytes, and every head is confirmed before it is used.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &ThreadKey, ns: &Namespace) -> Option<Arc<Head<S>>> {
        self.lock().heads.get(&(key.clone(), ns.clone())).cloned()
    }

    pub(crate) fn insert(&self, key: &ThreadKey, ns: &Namespace, head: Arc<Head<S>>) {
        self.lock().put((key.clone(), ns.clone()), head);
    }

    pub(crate) fn remove(&self, key: &ThreadKey, ns: &Namespace) {
        self.lock().remove(&(key.clone(), ns.clone()));
    }
}

impl<S> fmt::Debug for HeadCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ChannelValue;

    fn head(bytes: usize) -> Arc<Head<()>> {
        let json = crate::contract::Json::trusted(&"1".repeat(bytes));
        Arc::new(Head {
            id: None,
            last: None,
            step: 0,
            state: Arc::new(()),
            sizes: Sizes::of(&[("n".into(), ChannelValue::Value(json))]),
            plan: Plan::default(),
            pending: Vec::new(),
        })
    }

    fn key(thread: &str) -> ThreadKey {
        ThreadKey {
            user: crate::contract::UserId::new("u").expect("a name"),
            thread: crate::contract::ThreadId::new(thread).expect("a name"),
        }
    }

    #[test]
    fn large_heads_push_others_out_and_a_replaced_one_counts_once() {
        let cache = HeadCache::new(NonZeroUsize::new(100).expect("not zero"), 100);
        let root = Namespace::root();
        for thread in ["a", "b", "b", "b"] {
            cache.insert(&key(thread), &root, head(40));
        }
        assert!(cache.get(&key("a"), &root).is_some());
        cache.insert(&key("c"), &root, head(40));
        assert!(cache.get(&key("b"), &root).is_none(), "used longest ago");
        cache.insert(&key("huge"), &root, head(1_000));
        assert!(cache.get(&key("huge"), &root).is_some());
        assert!(cache.get(&key("a"), &root).is_none());
        cache.remove(&key("huge"), &root);
        assert_eq!(cache.lock().bytes, 0);
    }
}
