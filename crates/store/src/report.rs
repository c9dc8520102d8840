//! What a store says of itself.

use everthread_graph::contract::{ThreadKey, UserId};

/// Which checkpoints stay when a thread is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The newest so many of each namespace and branch; at least the head always stays.
    Newest(u32),
}

/// What pruning removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Checkpoints.
    pub checkpoints: u64,
    /// Channel changes that nothing reached any more.
    pub changes: u64,
    /// Bytes at rest that this freed, about.
    pub bytes: u64,
}

/// Sizes and counts of a whole store. Where a store is small all of it is exact; where it is large, what is marked so is
/// estimated, from what was last measured and how much was said since, or from the database's own books.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stats {
    /// What and where, without secrets: `sqlite:chat.db`.
    pub storage: String,
    /// The database and its version: `SQLite 3.54.1`.
    pub engine: String,
    /// Bytes on disk, logs included.
    pub file_bytes: u64,
    /// Bytes in use, free pages not counted.
    pub live_bytes: u64,
    /// Users.
    pub users: u64,
    /// Users who were active of late.
    pub active: ActiveUsers,
    /// Threads.
    pub threads: u64,
    /// Messages, on all branches.
    pub messages: u64,
    /// Messages of the last 24 hours, to the hour, those included that were deleted since.
    pub messages_day: u64,
    /// Checkpoints, of all namespaces; estimated.
    pub checkpoints: u64,
    /// Runs; estimated.
    pub runs: u64,
    /// Long-term items.
    pub items: u64,
    /// Messages that the search index has not seen yet.
    pub unindexed: u64,
    /// By how many bytes in use it became larger in the last 24 hours, to the hour; of a younger store, since it began.
    pub growth_day_bytes: i64,
    /// Bytes that were never written, in all: where a state is kept whole at each step, it repeats all messages that came
    /// before. Counted for each message as its own length for each message before it.
    pub saved_bytes: u64,
    /// The threads with the most messages, at most [`LARGEST`]; of a large store, of those that were used since it was
    /// last measured, or of a sample.
    pub largest_threads: Vec<LargeThread>,
    /// The users with the most messages, at most [`LARGEST`].
    pub largest_users: Vec<LargeUser>,
    /// Bytes by kind, largest first; estimated.
    pub kinds: Vec<SizeByKind>,
    /// When that was measured from which is estimated, in milliseconds since 1970-01-01 UTC; `None` where all is exact
    /// or the database estimates it itself.
    pub measured_ms: Option<i64>,
}

/// How many of the largest threads and users are told.
pub const LARGEST: usize = 10;

/// Users who were active of late, to the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActiveUsers {
    /// In the last 24 hours.
    pub day: u64,
    /// In the last 7 days.
    pub week: u64,
    /// In the last 30 days.
    pub month: u64,
}

/// A thread with many messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeThread {
    /// Whose, and which.
    pub key: ThreadKey,
    /// Messages in the transcript of its head.
    pub messages: u64,
}

/// A user with many messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeUser {
    /// Who.
    pub user: UserId,
    /// Their messages.
    pub messages: u64,
}

/// Bytes of one kind of row, its indexes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeByKind {
    /// The table.
    pub kind: String,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckReport {
    /// Threads that were read through.
    pub threads: u64,
    /// Checkpoints that were restored.
    pub checkpoints: u64,
    /// Messages that were read.
    pub messages: u64,
    /// Everything that contradicts itself; empty for a sound store.
    pub problems: Vec<Problem>,
}

/// One contradiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about: a table, a thread, a checkpoint.
    pub place: String,
    /// What is wrong and what to do next.
    pub what: String,
}
