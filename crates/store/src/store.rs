//! The trait.

use async_trait::async_trait;
use everthread_graph::contract::{Checkpointer, Items, StoreError, ThreadKey, UserId};

use crate::{
    CheckReport, Deleted, Hit, Kept, ListThreads, Pruned, ReadMessages, Run, RunQuery, Search,
    Stats, StoredMessage, Thread, ThreadPatch, User, UserPatch,
};

/// The list channel of a thread's own graph whose elements are the conversation: what people read, count and search.
pub const TRANSCRIPT: &str = "messages";

/// A durable home of users, threads, messages, checkpoints and runs.
///
/// Every call names its user, and no call sees another user's rows. A write is durable when it returns. Reads see
/// what was durable when they began. Message bodies are stored once and never change.
#[async_trait]
pub trait Store: Checkpointer + Items {
    /// A user's profile; `None` when nothing is known of the user.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn user(&self, user: &UserId) -> Result<Option<User>, StoreError>;

    /// Creates or changes a profile; gives it as it is then.
    ///
    /// # Errors
    /// `Unavailable`, `Newer`.
    async fn put_user(&self, user: &UserId, patch: UserPatch) -> Result<User, StoreError>;

    /// One thread; `None` when the user has none of this id.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn thread(&self, key: &ThreadKey) -> Result<Option<Thread>, StoreError>;

    /// A user's threads: pinned ones first, then by the last change, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn threads(&self, user: &UserId, query: ListThreads) -> Result<Vec<Thread>, StoreError>;

    /// Changes title, flags or metadata of a thread; gives it as it is then.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`, `Newer`.
    async fn update_thread(
        &self,
        key: &ThreadKey,
        patch: ThreadPatch,
    ) -> Result<Thread, StoreError>;

    /// Deletes a thread and everything of it, the search index included.
    ///
    /// # Errors
    /// `NotFound`; `Busy` when a run is active on it; `Unavailable`, `Newer`.
    async fn delete_thread(&self, key: &ThreadKey) -> Result<Deleted, StoreError>;

    /// The transcript at the head or at a checkpoint: all that was said on its line of history, in order, whatever
    /// was summarised, less what the user removed or replaced. With a limit, the newest before the given `seq`.
    ///
    /// # Errors
    /// `NotFound` when the thread or the checkpoint is not there; `Unavailable`, `Corrupt`.
    async fn messages(
        &self,
        key: &ThreadKey,
        query: ReadMessages,
    ) -> Result<Vec<StoredMessage>, StoreError>;

    /// Full-text search over what the user can read, newest first. Every word must occur; words are matched without
    /// regard to case and accents; no operator of the index is reachable. Sees all that was durable at the call,
    /// indexed yet or not.
    ///
    /// # Errors
    /// `Invalid` when the query holds no word; `Unavailable`.
    async fn search(&self, user: &UserId, query: Search) -> Result<Vec<Hit>, StoreError>;

    /// Runs of a thread, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn runs(&self, key: &ThreadKey, query: RunQuery) -> Result<Vec<Run>, StoreError>;

    /// Takes over the runs of a thread whose process is gone: an active one becomes
    /// [`RunStatus::Orphaned`](crate::RunStatus::Orphaned); those that waited now wait for this process, and are given back with their input,
    /// oldest first, to be run by the caller.
    ///
    /// # Errors
    /// `Unavailable`, `Newer`.
    async fn claim(&self, key: &ThreadKey) -> Result<Vec<Run>, StoreError>;

    /// Deletes checkpoints of a thread that the rule does not keep, and what nothing reaches any more; never a
    /// message, never the head, its pending writes or a checkpoint where a run waits.
    ///
    /// # Errors
    /// `NotFound`; `Busy` when a run is active on it; `Unavailable`, `Newer`.
    async fn prune(&self, key: &ThreadKey, kept: Kept) -> Result<Pruned, StoreError>;

    /// Sizes and counts of the whole store.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn stats(&self) -> Result<Stats, StoreError>;

    /// Reads everything and says what contradicts itself. `progress` hears steps done and steps in all.
    ///
    /// # Errors
    /// `Unavailable`; `Corrupt` only when the store cannot be read at all.
    async fn check(
        &self,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<CheckReport, StoreError>;

    /// Waits until all derived work (the search index) has caught up with what was durable at the call.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn settle(&self) -> Result<(), StoreError>;

    /// Finishes what was handed over and releases the store; later writes are `Unavailable`. Calling it twice is
    /// harmless.
    ///
    /// # Errors
    /// `Unavailable`, `OutcomeUnknown` when the last writes failed.
    async fn close(&self) -> Result<(), StoreError>;
}
