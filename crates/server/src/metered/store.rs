//! The rest of the store, handed on.

use std::path::Path;

use async_trait::async_trait;
use everthread_graph::contract::{Json, NewRun, RunId, StoreError, ThreadKey, UserId};
use everthread_store::portable::{Part, RowStream, Scope, WriteRows, Written};
use everthread_store::upkeep::{Tended, Upkeep, UpkeepProgress};
use everthread_store::{
    CheckReport, Claimed, Deleted, Erased, FindStale, FindThreads, Hit, Kept, ListRecords,
    ListThreads, ListUsers, NewThread, Pruned, ReadMessages, Record, Removed, Run, RunEvent,
    RunQuery, Search, Session, StalePage, StaleRule, Stats, Store, StoredMessage, Thread,
    ThreadPage, ThreadPatch, User, UserPatch, UserProfile,
};

use super::Metered;

#[async_trait]
impl Store for Metered {
    async fn profile(&self, user: &UserId) -> Result<Option<UserProfile>, StoreError> {
        self.timed("profile", self.inner.profile(user)).await
    }

    async fn user(&self, user: &UserId) -> Result<Option<User>, StoreError> {
        self.timed("user", self.inner.user(user)).await
    }

    async fn put_user(&self, user: &UserId, patch: UserPatch) -> Result<User, StoreError> {
        self.timed("put_user", self.inner.put_user(user, patch))
            .await
    }

    async fn users(&self, query: ListUsers) -> Result<Vec<User>, StoreError> {
        self.timed("users", self.inner.users(query)).await
    }

    async fn erase_user(&self, user: &UserId) -> Result<Erased, StoreError> {
        self.timed("erase_user", self.inner.erase_user(user)).await
    }

    async fn put_session(&self, user: &UserId, session: Session) -> Result<(), StoreError> {
        self.timed("put_session", self.inner.put_session(user, session))
            .await
    }

    async fn sessions(&self, user: &UserId, limit: usize) -> Result<Vec<Session>, StoreError> {
        self.timed("sessions", self.inner.sessions(user, limit))
            .await
    }

    async fn create_thread(&self, key: &ThreadKey, new: NewThread) -> Result<Thread, StoreError> {
        let made = self
            .timed("create_thread", self.inner.create_thread(key, new))
            .await?;
        self.metrics.conversation();
        Ok(made)
    }

    async fn thread(&self, key: &ThreadKey) -> Result<Option<Thread>, StoreError> {
        self.timed("thread", self.inner.thread(key)).await
    }

    async fn threads(&self, user: &UserId, query: ListThreads) -> Result<Vec<Thread>, StoreError> {
        self.timed("threads", self.inner.threads(user, query)).await
    }

    async fn find_threads(
        &self,
        user: &UserId,
        query: FindThreads,
    ) -> Result<ThreadPage, StoreError> {
        self.timed("find_threads", self.inner.find_threads(user, query))
            .await
    }

    async fn expired_threads(&self, limit: usize) -> Result<Vec<ThreadKey>, StoreError> {
        self.timed("expired_threads", self.inner.expired_threads(limit))
            .await
    }

    async fn copy_thread(&self, from: &ThreadKey, to: &ThreadKey) -> Result<Thread, StoreError> {
        let made = self
            .timed("copy_thread", self.inner.copy_thread(from, to))
            .await?;
        self.metrics.conversation();
        Ok(made)
    }

    async fn update_thread(
        &self,
        key: &ThreadKey,
        patch: ThreadPatch,
    ) -> Result<Thread, StoreError> {
        self.timed("update_thread", self.inner.update_thread(key, patch))
            .await
    }

    async fn delete_thread(&self, key: &ThreadKey) -> Result<Deleted, StoreError> {
        self.timed("delete_thread", self.inner.delete_thread(key))
            .await
    }

    async fn messages(
        &self,
        key: &ThreadKey,
        query: ReadMessages,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        self.timed("messages", self.inner.messages(key, query))
            .await
    }

    async fn search(&self, user: &UserId, query: Search) -> Result<Vec<Hit>, StoreError> {
        self.timed("search", self.inner.search(user, query)).await
    }

    async fn runs(&self, key: &ThreadKey, query: RunQuery) -> Result<Vec<Run>, StoreError> {
        self.timed("runs", self.inner.runs(key, query)).await
    }

    async fn run(&self, key: &ThreadKey, run: RunId) -> Result<Option<Run>, StoreError> {
        self.timed("run", self.inner.run(key, run)).await
    }

    async fn enqueue_run(
        &self,
        key: &ThreadKey,
        new: NewRun,
        starts_ms: Option<i64>,
    ) -> Result<usize, StoreError> {
        self.timed("enqueue_run", self.inner.enqueue_run(key, new, starts_ms))
            .await
    }

    async fn delete_run(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        self.timed("delete_run", self.inner.delete_run(key, run))
            .await
    }

    async fn rollback_run(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        self.timed("rollback_run", self.inner.rollback_run(key, run))
            .await
    }

    async fn live_threads(&self, limit: usize) -> Result<Vec<ThreadKey>, StoreError> {
        self.timed("live_threads", self.inner.live_threads(limit))
            .await
    }

    async fn append_events(
        &self,
        key: &ThreadKey,
        run: RunId,
        events: Vec<RunEvent>,
    ) -> Result<(), StoreError> {
        self.timed("append_events", self.inner.append_events(key, run, events))
            .await
    }

    async fn events(
        &self,
        key: &ThreadKey,
        run: RunId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RunEvent>, StoreError> {
        self.timed("events", self.inner.events(key, run, after, limit))
            .await
    }

    async fn delete_events_before(&self, ms: i64) -> Result<u64, StoreError> {
        self.timed("delete_events_before", self.inner.delete_events_before(ms))
            .await
    }

    async fn record(&self, kind: &str, id: &str) -> Result<Option<Record>, StoreError> {
        self.timed("record", self.inner.record(kind, id)).await
    }

    async fn records(&self, kind: &str, query: ListRecords) -> Result<Vec<Record>, StoreError> {
        self.timed("records", self.inner.records(kind, query)).await
    }

    async fn put_record(
        &self,
        kind: &str,
        id: &str,
        expected: Option<u64>,
        body: Json,
    ) -> Result<Record, StoreError> {
        self.timed(
            "put_record",
            self.inner.put_record(kind, id, expected, body),
        )
        .await
    }

    async fn delete_record(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        self.timed("delete_record", self.inner.delete_record(kind, id))
            .await
    }

    async fn claim(&self, key: &ThreadKey) -> Result<Claimed, StoreError> {
        self.timed("claim", self.inner.claim(key)).await
    }

    async fn prune(&self, key: &ThreadKey, kept: Kept) -> Result<Pruned, StoreError> {
        self.timed("prune", self.inner.prune(key, kept)).await
    }

    async fn stale_threads(&self, query: FindStale) -> Result<StalePage, StoreError> {
        self.timed("stale_threads", self.inner.stale_threads(query))
            .await
    }

    async fn delete_stale(
        &self,
        keys: Vec<ThreadKey>,
        rule: StaleRule,
    ) -> Result<Removed, StoreError> {
        self.timed("delete_stale", self.inner.delete_stale(keys, rule))
            .await
    }

    async fn upkeep(
        &self,
        task: Upkeep,
        progress: UpkeepProgress<'_>,
    ) -> Result<Tended, StoreError> {
        self.timed("upkeep", self.inner.upkeep(task, progress))
            .await
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        self.timed("stats", self.inner.stats()).await
    }

    async fn check(
        &self,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<CheckReport, StoreError> {
        self.timed("check", self.inner.check(progress)).await
    }

    async fn read_rows(&self, scope: &Scope) -> Result<RowStream, StoreError> {
        // The rows themselves come later.
        self.timed("read_rows", self.inner.read_rows(scope)).await
    }

    async fn write_rows(
        &self,
        part: &Part,
        rows: RowStream,
        how: WriteRows,
    ) -> Result<Written, StoreError> {
        self.timed("write_rows", self.inner.write_rows(part, rows, how))
            .await
    }

    async fn snapshot(
        &self,
        to: &Path,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<(), StoreError> {
        self.timed("snapshot", self.inner.snapshot(to, progress))
            .await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.timed("settle", self.inner.settle()).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.timed("close", self.inner.close()).await
    }
}
