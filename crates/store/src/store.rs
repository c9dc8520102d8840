//! The trait.

use std::path::Path;

use async_trait::async_trait;
use everthread_graph::contract::{
    Checkpointer, Items, Json, NewRun, RunId, StoreError, ThreadKey, UserId,
};

use crate::portable::{Part, RowStream, Scope, WriteRows, Written};
use crate::upkeep::{Tended, Upkeep, UpkeepProgress};
use crate::{
    CheckReport, Claimed, Deleted, Erased, FindStale, FindThreads, Hit, Kept, ListRecords,
    ListThreads, ListUsers, NewThread, Pruned, ReadMessages, Record, Removed, Run, RunEvent,
    RunQuery, Search, Session, StalePage, StaleRule, Stats, StoredMessage, Thread, ThreadPage,
    ThreadPatch, User, UserPatch, UserProfile,
};

/// The list channel of a thread's own graph whose elements are the conversation: what people read, count and search.
pub const TRANSCRIPT: &str = "messages";

/// A durable home of users, threads, messages, checkpoints and runs.
///
/// Every call that is about a user's data leads with that user, and none sees another user's rows. The few that are
/// about the whole deployment say so; what they give is not for users' eyes. A write is durable when it returns. Reads see
/// what was durable when they began. Message bodies are stored once and never change.
#[async_trait]
pub trait Store: Checkpointer + Items {
    /// A user's profile alone, as each turn reads it: what the user has is not counted, however much that is. `None` when
    /// nothing is known of the user.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn profile(&self, user: &UserId) -> Result<Option<UserProfile>, StoreError>;

    /// A user's profile, and how much the user has; `None` when nothing is known of the user.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn user(&self, user: &UserId) -> Result<Option<User>, StoreError>;

    /// Creates or changes a profile; gives it as it is then.
    ///
    /// # Errors
    /// `Unavailable`, `Newer`.
    async fn put_user(&self, user: &UserId, patch: UserPatch) -> Result<User, StoreError>;

    /// All users, the latest activity first. Of the whole deployment: for those who run it, never for a user.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn users(&self, query: ListUsers) -> Result<Vec<User>, StoreError>;

    /// Removes a user and everything of theirs, in one transaction: profile, threads, runs, events, items, sessions.
    /// At return none of it can be read from the store's own files any more, the words in the search index included;
    /// files of a database server lose it with the server's next vacuum. Backups keep what they have. A commit of theirs that comes later creates the user anew. Records are the
    /// deployment's and stay.
    ///
    /// Where the store stops on the way, the user is gone as a whole or there as a whole, and what is left of the
    /// words goes when the store is next open.
    ///
    /// A document of the kind [`ERASED`](crate::portable::ERASED) says from then on that a user with the hash of this
    /// id was erased ([`Mark`](crate::portable::Mark)); it does not go when the user comes back.
    ///
    /// # Errors
    /// `NotFound`; `Held` when the user is under hold; `Busy` when a run is active on one of the threads;
    /// `Unavailable`, `Newer`.
    async fn erase_user(&self, user: &UserId) -> Result<Erased, StoreError>;

    /// Keeps a session: it is new, or takes the place of the one with its id.
    ///
    /// # Errors
    /// `Invalid` for an empty id; `Unavailable`, `Newer`.
    async fn put_session(&self, user: &UserId, session: Session) -> Result<(), StoreError>;

    /// A user's sessions, the one that did something last first.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn sessions(&self, user: &UserId, limit: usize) -> Result<Vec<Session>, StoreError>;

    /// Creates a thread on which nothing was said yet, and its user when that is new; gives it as it is then.
    ///
    /// # Errors
    /// `Exists` when the user has one of this id; `Unavailable`, `Newer`.
    async fn create_thread(&self, key: &ThreadKey, new: NewThread) -> Result<Thread, StoreError>;

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

    /// A user's threads that are like this, a page of them, and how many there are in all, both of one moment.
    ///
    /// # Errors
    /// `Invalid` when the metadata are no object; `Unavailable`, `Corrupt`.
    async fn find_threads(
        &self,
        user: &UserId,
        query: FindThreads,
    ) -> Result<ThreadPage, StoreError>;

    /// Threads whose time is over, the first that ended first, without those of users under hold. Of the whole
    /// deployment: for whoever deletes them.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn expired_threads(&self, limit: usize) -> Result<Vec<ThreadKey>, StoreError>;

    /// Creates a thread that says what another of the same user says: its title, its metadata, its messages, all
    /// checkpoints with their ids, what tasks left at them, and the runs that ended. A run that is live stays
    /// behind: the copy stands at the last step that was committed. Events of runs stay behind too.
    ///
    /// # Errors
    /// `NotFound`; `Exists` when the user has one of the new id; `Invalid` when the users differ; `Unavailable`,
    /// `Newer`.
    async fn copy_thread(&self, from: &ThreadKey, to: &ThreadKey) -> Result<Thread, StoreError>;

    /// Changes title, flags, metadata or end of a thread; gives it as it is then. Where metadata are both set and
    /// merged, they are set first.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when what is merged is no object; `Unavailable`, `Newer`.
    async fn update_thread(
        &self,
        key: &ThreadKey,
        patch: ThreadPatch,
    ) -> Result<Thread, StoreError>;

    /// Deletes a thread and everything of it, the search index included.
    ///
    /// # Errors
    /// `NotFound`; `Held` when the user is under hold; `Busy` when a run is active on it; `Unavailable`, `Newer`.
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

    /// Full-text search over what the user can read, newest first: at the head of each thread, and, of the branches
    /// that a head left behind, at the newest checkpoint of the branch on which a message was said. Every word must
    /// occur; words are matched without regard to case and accents; no operator of the index is reachable. Sees all that
    /// was durable at the call, indexed yet or not.
    ///
    /// # Errors
    /// `Invalid` when the query holds no word; `Unavailable`.
    async fn search(&self, user: &UserId, query: Search) -> Result<Vec<Hit>, StoreError>;

    /// Runs of a thread, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn runs(&self, key: &ThreadKey, query: RunQuery) -> Result<Vec<Run>, StoreError>;

    /// One run; `None` when the thread has none of this id.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn run(&self, key: &ThreadKey, run: RunId) -> Result<Option<Run>, StoreError>;

    /// Puts a run at the end of the thread's queue, durably, with its input; the thread and its user are created when
    /// they are new. Gives how many come first: the active run and those that wait longer.
    ///
    /// It begins when a write with [`RunMark::Start`](everthread_graph::contract::RunMark::Start) names its id, at or
    /// after `starts_ms`, in milliseconds since 1970-01-01 UTC (`None` for at once); before that time no write admits
    /// it, and nobody waits behind it. `Interrupt` and `Rollback` do what they do when it begins, not now. A run that
    /// waits already stays where it is; one that is refused when it is to begin goes on waiting until it is
    /// [withdrawn](Checkpointer::withdraw).
    ///
    /// # Errors
    /// `Busy` for `Reject` when another run is active or waits; `Exists` when the run began before or has ended;
    /// `QueueFull`, `Unavailable`, `Newer`.
    async fn enqueue_run(
        &self,
        key: &ThreadKey,
        new: NewRun,
        starts_ms: Option<i64>,
    ) -> Result<usize, StoreError>;

    /// Deletes a run that has ended, and its events. What it said stays, and so do its checkpoints, which then name
    /// no run. The thread counts one turn less where the run had come to rest.
    ///
    /// # Errors
    /// `NotFound`; `Held` when the user is under hold; `Busy` when it is active or waits; `Unavailable`, `Newer`.
    async fn delete_run(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError>;

    /// Takes a run back: stops it when it is live, moves the heads back to where it began, and deletes it with its
    /// events. What it wrote stays behind on a line of history of its own; what it answered where it began is asked
    /// again. A run that waits is only deleted.
    ///
    /// # Errors
    /// `NotFound`; `Held` when the user is under hold; `Conflict` when the thread has gone on since it ended;
    /// `Unavailable`, `Newer`.
    async fn rollback_run(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError>;

    /// Threads with an active or a waiting run whose process is gone, to be [claimed](Self::claim). Of the whole
    /// deployment: for a process that starts.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn live_threads(&self, limit: usize) -> Result<Vec<ThreadKey>, StoreError>;

    /// Keeps what a run told, all of it or nothing. The run may not be durable yet; nothing is asked of it.
    ///
    /// # Errors
    /// `NotFound` when the thread is not there; `Invalid` when the numbers do not ascend, from the last one kept on;
    /// `Unavailable`, `Newer`.
    async fn append_events(
        &self,
        key: &ThreadKey,
        run: RunId,
        events: Vec<RunEvent>,
    ) -> Result<(), StoreError>;

    /// What a run told, in order: those after this number (`None` for all), at most so many.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn events(
        &self,
        key: &ThreadKey,
        run: RunId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RunEvent>, StoreError>;

    /// Deletes what was kept before this time by runs that are not live, but for users under hold; gives how many
    /// events went. It goes in small transactions, so that others write meanwhile. Of the whole deployment.
    ///
    /// # Errors
    /// `Unavailable`, `Newer`.
    async fn delete_events_before(&self, ms: i64) -> Result<u64, StoreError>;

    /// One document of the deployment; `None` when there is none of this kind and id. Of no user: who may see it is
    /// the caller's to decide.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn record(&self, kind: &str, id: &str) -> Result<Option<Record>, StoreError>;

    /// The deployment's documents of a kind, the oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn records(&self, kind: &str, query: ListRecords) -> Result<Vec<Record>, StoreError>;

    /// Creates a document of the deployment, or changes it where it has the version that the caller expects (`None`:
    /// it must be new); gives it as it is then.
    ///
    /// # Errors
    /// `Exists` when it was to be new; `Conflict` when it has another version or is gone; `Invalid` for an empty kind
    /// or id; `Unavailable`, `Newer`.
    async fn put_record(
        &self,
        kind: &str,
        id: &str,
        expected: Option<u64>,
        body: Json,
    ) -> Result<Record, StoreError>;

    /// Deletes a document of the deployment; says whether there was one.
    ///
    /// # Errors
    /// `Unavailable`, `Newer`.
    async fn delete_record(&self, kind: &str, id: &str) -> Result<bool, StoreError>;

    /// Takes over the runs of a thread whose process is gone: an active one becomes
    /// [`RunStatus::Orphaned`](crate::RunStatus::Orphaned); those that waited now wait for this process. Of several
    /// processes that claim, one alone is given a run, and is to carry it out.
    ///
    /// # Errors
    /// `Unavailable`, `Newer`.
    async fn claim(&self, key: &ThreadKey) -> Result<Claimed, StoreError>;

    /// Deletes checkpoints of a thread that the rule does not keep, and what nothing reaches any more; never a
    /// message, never the head, its pending writes or a checkpoint where a run waits.
    ///
    /// # Errors
    /// `NotFound`; `Held` when the user is under hold; `Busy` when a run is active on it; `Unavailable`, `Newer`.
    async fn prune(&self, key: &ThreadKey, kept: Kept) -> Result<Pruned, StoreError>;

    /// Looks at some threads, in an order of the store's own, and tells those that a rule makes stale, but for pinned
    /// ones, those of users under hold, and those on which a run is active or waits. Of the whole deployment, unless a
    /// user is named: for whoever removes them. Threads that come while pages are read may be missed.
    ///
    /// # Errors
    /// `Invalid` when the page begins where no page ended; `Unavailable`, `Corrupt`.
    async fn stale_threads(&self, query: FindStale) -> Result<StalePage, StoreError>;

    /// Deletes those of these threads that the rule still makes stale as a whole, with everything of them: each in one
    /// transaction, of which several may share one. Threads that were pinned, used, held or deleted meanwhile are
    /// passed by. Of the whole deployment: for whoever applies its policies.
    ///
    /// # Errors
    /// `Unavailable`, `Newer`.
    async fn delete_stale(
        &self,
        keys: Vec<ThreadKey>,
        rule: StaleRule,
    ) -> Result<Removed, StoreError>;

    /// Does one task of upkeep, in pieces where others are to go on; `progress` hears of them and may end it there. A
    /// process that ends on the way leaves a sound store.
    ///
    /// # Errors
    /// `Unavailable`, `Newer`.
    async fn upkeep(
        &self,
        task: Upkeep,
        progress: UpkeepProgress<'_>,
    ) -> Result<Tended, StoreError>;

    /// Sizes and counts of the whole store, in a time that does not grow with it: what is counted and what is estimated
    /// is said at each field of [`Stats`].
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

    /// Reads all rows of a scope as they were at one moment, in the order of [`portable`](crate::portable), some at a
    /// time: what is in memory does not grow with the store. Others go on writing meanwhile. Whoever drops the stream
    /// gives the moment up; while it is held, a store may have to keep what was deleted or replaced since.
    ///
    /// # Errors
    /// `NotFound` when the user or the thread is not there; `Unavailable`. Through the stream: `Corrupt`,
    /// `Unavailable`; nothing comes after an error.
    async fn read_rows(&self, scope: &Scope) -> Result<RowStream, StoreError>;

    /// Writes the rows of a thread, a user's own rows or documents in one transaction: all of them, or nothing when
    /// the stream ends in an error, is out of order or contradicts itself. The user of a thread is created when it is
    /// new. Durable at return. What is in memory does not grow with the thread; of a large one, others wait while its
    /// rows come, and a stream that stands still for seconds is given up.
    ///
    /// What meets something that is there already goes by the policy. A user's rows and documents are met one by one;
    /// a hold stays. A thread is met as a whole: where one takes the place of another, its fence begins above that of
    /// the other, and sessions go on naming it. A copy leaves runs that are active or wait behind.
    ///
    /// # Errors
    /// What came through the stream; `Invalid` when the rows are out of order or contradict themselves, `Busy` when a
    /// run is active on a thread that is to be replaced, `Held` when its user is under hold; `Unavailable`, `Newer`.
    async fn write_rows(
        &self,
        part: &Part,
        rows: RowStream,
        how: WriteRows,
    ) -> Result<Written, StoreError>;

    /// Copies the store as it is at one moment into a new file, which can be opened as a store of this kind. Others go
    /// on writing meanwhile. `progress` hears pages done and pages in all. The file is on the disk at return; after an
    /// error it is not there.
    ///
    /// # Errors
    /// `Invalid` when the store is not kept in one file; `Exists` when the file is there; `Unavailable`.
    async fn snapshot(
        &self,
        to: &Path,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<(), StoreError>;

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
