//! Retention: what time makes superfluous, and the pass that removes it.
//!
//! A store tells which threads a rule makes stale and removes those for which that is still so; which rule applies to
//! whom ([`Policies`]) and in which slices it is done ([`clean_up`]) is the same for all stores.

mod pass;
mod policy;

use everthread_graph::contract::ThreadKey;
use everthread_graph::contract::UserId;

pub use pass::{CleanUp, Cleaned, LISTED, Slice, clean_up};
pub use policy::{Policies, Policy, RETENTION};

/// What makes a thread stale: each limit that is set does so by itself; a rule without limits makes none stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StaleRule {
    /// It was created before this time, in milliseconds since 1970-01-01 UTC.
    pub created_before_ms: Option<i64>,
    /// It last changed before this time.
    pub updated_before_ms: Option<i64>,
    /// One of its lines of history has more checkpoints than this. Then only checkpoints are superfluous.
    pub checkpoints_above: Option<u32>,
}

impl StaleRule {
    /// Whether a thread with these times goes as a whole.
    #[must_use]
    pub fn takes_thread(&self, created_ms: i64, updated_ms: i64) -> bool {
        self.created_before_ms
            .is_some_and(|before| created_ms < before)
            || self
                .updated_before_ms
                .is_some_and(|before| updated_ms < before)
    }
}

/// Which threads are looked at.
#[derive(Debug, Clone, Default)]
pub struct FindStale {
    /// Those of this user; `None` for those of all.
    pub user: Option<UserId>,
    /// What makes them stale.
    pub rule: StaleRule,
    /// Where an earlier page ended; `None` for the beginning.
    pub from: Option<String>,
    /// How many threads are looked at for this page, stale or not.
    pub look_at: usize,
    /// Whether the size of what would go is told, which reads all of it.
    pub sized: bool,
}

/// What a look at some threads found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StalePage {
    /// The stale ones.
    pub threads: Vec<StaleThread>,
    /// Where the next page begins, in words of the store's own; `None` when all were looked at.
    pub next: Option<String>,
}

/// A thread with something superfluous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleThread {
    /// Whose, and which.
    pub key: ThreadKey,
    /// Its title, once it has one.
    pub title: Option<String>,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Messages in the transcript of its head.
    pub messages: u64,
    /// What of it is superfluous.
    pub goes: Goes,
    /// How much that is, when that was asked for.
    pub size: Option<StaleSize>,
}

/// What of a thread is superfluous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    /// All of it.
    Thread,
    /// Checkpoints beyond the newest of each line.
    Checkpoints,
}

/// How much of a thread is superfluous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StaleSize {
    /// Messages, on all branches.
    pub messages: u64,
    /// Checkpoints; where only these go, some more than will go: heads stay, and so do those where a run waits.
    pub checkpoints: u64,
    /// Bytes at rest, about.
    pub bytes: u64,
}

/// What was removed of stale threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Whole threads.
    pub threads: u64,
    /// Messages, on all branches.
    pub messages: u64,
    /// Checkpoints, of all namespaces.
    pub checkpoints: u64,
    /// Runs.
    pub runs: u64,
    /// Bytes at rest that this freed, about.
    pub bytes: u64,
}

impl Removed {
    /// Adds what was removed besides.
    pub fn add(&mut self, more: Self) {
        self.threads += more.threads;
        self.messages += more.messages;
        self.checkpoints += more.checkpoints;
        self.runs += more.runs;
        self.bytes += more.bytes;
    }
}
