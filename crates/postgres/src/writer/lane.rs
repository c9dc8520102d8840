//! The writes of one thread, in order.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use everthread_graph::contract::ThreadKey;
use tokio::sync::Notify;

use super::{Job, Shared, group};

/// What waits on each thread that is being written to.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    waiting: Mutex<HashMap<ThreadKey, Lane>>,
    /// Notified when there is no lane any more.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Lane {
    jobs: VecDeque<Job>,
    /// Notified when another job comes.
    more: Arc<Notify>,
}

impl Lanes {
    /// Puts a job at the end of its lane; says whether the lane is new, so that somebody is to work on it.
    pub(super) fn push(&self, key: &ThreadKey, job: Job) -> bool {
        let mut waiting = self.lock();
        if let Some(lane) = waiting.get_mut(key) {
            lane.jobs.push_back(job);
            lane.more.notify_one();
            return false;
        }
        let mut lane = Lane::default();
        lane.jobs.push_back(job);
        waiting.insert(key.clone(), lane);
        true
    }

    /// The next job of a lane, if it is one that belongs to the same group.
    pub(super) fn next(&self, key: &ThreadKey, fits: impl FnOnce(&Job) -> bool) -> Option<Job> {
        let mut waiting = self.lock();
        let jobs = &mut waiting.get_mut(key)?.jobs;
        match jobs.front() {
            Some(job) if fits(job) => jobs.pop_front(),
            _ => None,
        }
    }

    /// Waits until there is a job, but not longer than this.
    pub(super) async fn wait(&self, key: &ThreadKey, patience: Duration) {
        let Some(more) = self.lock().get(key).map(|lane| Arc::clone(&lane.more)) else {
            return;
        };
        if self
            .lock()
            .get(key)
            .is_some_and(|lane| !lane.jobs.is_empty())
        {
            return;
        }
        drop(tokio::time::timeout(patience, more.notified()).await);
    }

    /// Closes a lane on which nothing waits; says whether it is closed.
    fn leave(&self, key: &ThreadKey) -> bool {
        let mut waiting = self.lock();
        let idle = waiting.get(key).is_none_or(|lane| lane.jobs.is_empty());
        if idle {
            waiting.remove(key);
        }
        if waiting.is_empty() {
            self.emptied.notify_waiters();
        }
        idle
    }

    /// Waits until no lane is left.
    pub(super) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // From here on no end is missed.
            emptied.as_mut().enable();
            if self.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ThreadKey, Lane>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works on a lane until nothing waits on it.
pub(super) async fn run(shared: Arc<Shared>, key: ThreadKey) {
    // Should a write panic, those that wait are told so: their tickets go with the lane.
    let guard = Guard {
        lanes: &shared.lanes,
        key: &key,
    };
    loop {
        while let Some(first) = shared.lanes.next(&key, |_| true) {
            group::write(&shared, &key, first).await;
        }
        if shared.lanes.leave(&key) {
            break;
        }
    }
    std::mem::forget(guard);
}

struct Guard<'a> {
    lanes: &'a Lanes,
    key: &'a ThreadKey,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut waiting = self.lanes.lock();
        waiting.remove(self.key);
        if waiting.is_empty() {
            self.lanes.emptied.notify_waiters();
        }
    }
}
