//! What a store says of itself.

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

/// Sizes and counts of a whole store.
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
    /// Threads.
    pub threads: u64,
    /// Messages, on all branches.
    pub messages: u64,
    /// Checkpoints, of all namespaces.
    pub checkpoints: u64,
    /// Runs.
    pub runs: u64,
    /// Long-term items.
    pub items: u64,
    /// Messages that the search index has not seen yet.
    pub unindexed: u64,
    /// Bytes by kind, largest first.
    pub kinds: Vec<SizeByKind>,
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
