//! The contract's calls: each takes a connection, does its statements and ends its transaction.

use std::path::Path;

use async_trait::async_trait;
use everthread_graph::contract::{
    Json, NewRun, RunId, StoreError, StoreErrorKind, ThreadKey, UserId,
};
use everthread_store::portable::{Part, RowStream, Scope, WriteRows, Written};
use everthread_store::upkeep::{Tended, Upkeep, UpkeepProgress};
use everthread_store::{
    CheckReport, Claimed, Deleted, Erased, FindStale, FindThreads, Hit, Kept, ListRecords,
    ListThreads, ListUsers, NewThread, Pruned, ReadMessages, Record, Removed, Run, RunEvent,
    RunQuery, Search, Session, StalePage, StaleRule, Stats, Store, StoredMessage, Thread,
    ThreadPage, ThreadPatch, User, UserPatch, UserProfile,
};

use super::PostgresStore;
use crate::sql;
use crate::sql::enqueue::Entry;

#[async_trait]
impl Store for PostgresStore {
    async fn profile(&self, user: &UserId) -> Result<Option<UserProfile>, StoreError> {
        const DOING: &str = "reading a profile";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::user::profile(&conn, user).await;
        conn.finish(DOING, done).await
    }

    async fn user(&self, user: &UserId) -> Result<Option<User>, StoreError> {
        const DOING: &str = "reading a profile";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::user::get(&conn, user).await;
        conn.finish(DOING, done).await
    }

    async fn put_user(&self, user: &UserId, patch: UserPatch) -> Result<User, StoreError> {
        const DOING: &str = "writing a profile";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::user::put(&conn, user, &patch, self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn users(&self, query: ListUsers) -> Result<Vec<User>, StoreError> {
        const DOING: &str = "listing users";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::user::list(&conn, &query).await;
        conn.finish(DOING, done).await
    }

    async fn erase_user(&self, user: &UserId) -> Result<Erased, StoreError> {
        const DOING: &str = "erasing a user";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::erase::user(&conn, user, self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn put_session(&self, user: &UserId, session: Session) -> Result<(), StoreError> {
        const DOING: &str = "writing a session";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::session::put(&conn, user, &session, self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn sessions(&self, user: &UserId, limit: usize) -> Result<Vec<Session>, StoreError> {
        const DOING: &str = "listing sessions";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::session::list(&conn, user, limit).await;
        conn.finish(DOING, done).await
    }

    async fn create_thread(&self, key: &ThreadKey, new: NewThread) -> Result<Thread, StoreError> {
        const DOING: &str = "creating a thread";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::thread::create(&conn, key, &new, self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn thread(&self, key: &ThreadKey) -> Result<Option<Thread>, StoreError> {
        const DOING: &str = "reading a thread";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::thread::get(&conn, key).await;
        conn.finish(DOING, done).await
    }

    async fn threads(&self, user: &UserId, query: ListThreads) -> Result<Vec<Thread>, StoreError> {
        const DOING: &str = "listing threads";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::thread::list(&conn, user, &query).await;
        conn.finish(DOING, done).await
    }

    async fn find_threads(
        &self,
        user: &UserId,
        query: FindThreads,
    ) -> Result<ThreadPage, StoreError> {
        const DOING: &str = "looking for threads";
        let conn = self.inner.base.reading(DOING).await?;
        let done = sql::thread::find(&conn, user, &query).await;
        conn.finish(DOING, done).await
    }

    async fn expired_threads(&self, limit: usize) -> Result<Vec<ThreadKey>, StoreError> {
        const DOING: &str = "looking for expired threads";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::thread::expired(&conn, self.inner.now_ms(), limit).await;
        conn.finish(DOING, done).await
    }

    async fn copy_thread(&self, from: &ThreadKey, to: &ThreadKey) -> Result<Thread, StoreError> {
        const DOING: &str = "copying a thread";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::copy::copy(&conn, from, to, self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn update_thread(
        &self,
        key: &ThreadKey,
        patch: ThreadPatch,
    ) -> Result<Thread, StoreError> {
        const DOING: &str = "changing a thread";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::thread::update(&conn, key, &patch).await;
        conn.finish(DOING, done).await
    }

    async fn delete_thread(&self, key: &ThreadKey) -> Result<Deleted, StoreError> {
        const DOING: &str = "deleting a thread";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::delete::thread(&conn, key).await;
        conn.finish(DOING, done).await
    }

    async fn messages(
        &self,
        key: &ThreadKey,
        query: ReadMessages,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        const DOING: &str = "reading messages";
        let conn = self.inner.base.reading(DOING).await?;
        let done = sql::transcript::read(&conn, key, &query).await;
        conn.finish(DOING, done).await
    }

    async fn search(&self, user: &UserId, query: Search) -> Result<Vec<Hit>, StoreError> {
        const DOING: &str = "searching";
        let conn = self.inner.base.reading(DOING).await?;
        let done = sql::search::search(&conn, user, &query).await;
        conn.finish(DOING, done).await
    }

    async fn runs(&self, key: &ThreadKey, query: RunQuery) -> Result<Vec<Run>, StoreError> {
        const DOING: &str = "listing runs";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::run::list(&conn, key, &query).await;
        conn.finish(DOING, done).await
    }

    async fn run(&self, key: &ThreadKey, run: RunId) -> Result<Option<Run>, StoreError> {
        const DOING: &str = "reading a run";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::run::get(&conn, key, run).await;
        conn.finish(DOING, done).await
    }

    async fn enqueue_run(
        &self,
        key: &ThreadKey,
        new: NewRun,
        starts_ms: Option<i64>,
    ) -> Result<usize, StoreError> {
        const DOING: &str = "queueing a run";
        let entry = Entry {
            owner: self.inner.base.owner.name(),
            now_ms: self.inner.now_ms(),
            starts_ms,
            waiting_runs: self.inner.base.options.waiting_runs,
        };
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::enqueue::enqueue(&conn, key, &new, &entry).await;
        conn.finish(DOING, done).await
    }

    async fn delete_run(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        const DOING: &str = "deleting a run";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::delete::run(&conn, key, run).await;
        conn.finish(DOING, done).await
    }

    async fn rollback_run(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        const DOING: &str = "taking a run back";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::rollback::run(&conn, self.inner.writer.env(), key, run).await;
        conn.finish(DOING, done).await?;
        self.inner.base.ended.notify_waiters();
        Ok(())
    }

    async fn live_threads(&self, limit: usize) -> Result<Vec<ThreadKey>, StoreError> {
        const DOING: &str = "looking for runs that were left";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::claim::left(&conn, limit).await;
        conn.finish(DOING, done).await
    }

    async fn append_events(
        &self,
        key: &ThreadKey,
        run: RunId,
        events: Vec<RunEvent>,
    ) -> Result<(), StoreError> {
        const DOING: &str = "writing events";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::event::append(&conn, key, run, &events, self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn events(
        &self,
        key: &ThreadKey,
        run: RunId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RunEvent>, StoreError> {
        const DOING: &str = "reading events";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::event::list(&conn, key, run, after, limit).await;
        conn.finish(DOING, done).await
    }

    async fn delete_events_before(&self, ms: i64) -> Result<u64, StoreError> {
        const DOING: &str = "deleting old events";
        let mut deleted = 0;
        loop {
            let conn = self.inner.base.conn(DOING).await?;
            let slice = sql::event::delete_before(&conn, ms).await;
            let (events, more) = conn.finish(DOING, slice).await?;
            deleted += events;
            if !more {
                return Ok(deleted);
            }
        }
    }

    async fn record(&self, kind: &str, id: &str) -> Result<Option<Record>, StoreError> {
        const DOING: &str = "reading a document";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::record::get(&conn, kind, id).await;
        conn.finish(DOING, done).await
    }

    async fn records(&self, kind: &str, query: ListRecords) -> Result<Vec<Record>, StoreError> {
        const DOING: &str = "listing documents";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::record::list(&conn, kind, &query).await;
        conn.finish(DOING, done).await
    }

    async fn put_record(
        &self,
        kind: &str,
        id: &str,
        expected: Option<u64>,
        body: Json,
    ) -> Result<Record, StoreError> {
        const DOING: &str = "writing a document";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::record::put(&conn, (kind, id), expected, &body, self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn delete_record(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        const DOING: &str = "deleting a document";
        let conn = self.inner.base.conn(DOING).await?;
        let done = sql::record::delete(&conn, kind, id).await;
        conn.finish(DOING, done).await
    }

    async fn claim(&self, key: &ThreadKey) -> Result<Claimed, StoreError> {
        const DOING: &str = "claiming runs";
        let owner = self.inner.base.owner.name();
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::claim::claim(&conn, key, owner, self.inner.now_ms()).await;
        let runs = conn.finish(DOING, done).await?;
        self.inner.base.ended.notify_waiters();
        Ok(runs)
    }

    async fn prune(&self, key: &ThreadKey, kept: Kept) -> Result<Pruned, StoreError> {
        const DOING: &str = "pruning a thread";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::prune::prune(&conn, key, kept).await;
        conn.finish(DOING, done).await
    }

    async fn stale_threads(&self, query: FindStale) -> Result<StalePage, StoreError> {
        const DOING: &str = "looking for stale threads";
        let conn = self.inner.base.reading(DOING).await?;
        let done = sql::stale::find(&conn, &query).await;
        conn.finish(DOING, done).await
    }

    async fn delete_stale(
        &self,
        keys: Vec<ThreadKey>,
        rule: StaleRule,
    ) -> Result<Removed, StoreError> {
        const DOING: &str = "deleting stale threads";
        let mut removed = Removed::default();
        for key in &keys {
            let conn = self.inner.base.writing(DOING).await?;
            let done = sql::stale::delete(&conn, key, &rule).await;
            removed.add(conn.finish(DOING, done).await?);
        }
        Ok(removed)
    }

    async fn upkeep(
        &self,
        task: Upkeep,
        progress: UpkeepProgress<'_>,
    ) -> Result<Tended, StoreError> {
        self.inner.tend(task, progress).await
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        self.inner.stats().await
    }

    async fn check(
        &self,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<CheckReport, StoreError> {
        sql::check::check(&self.inner.base, progress).await
    }

    async fn read_rows(&self, scope: &Scope) -> Result<RowStream, StoreError> {
        self.inner.read_rows(scope).await
    }

    async fn write_rows(
        &self,
        part: &Part,
        rows: RowStream,
        how: WriteRows,
    ) -> Result<Written, StoreError> {
        self.inner.write_rows(part, rows, how).await
    }

    async fn snapshot(
        &self,
        _to: &Path,
        _progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<(), StoreError> {
        Err(StoreError::new(
            StoreErrorKind::Invalid,
            "a PostgreSQL storage is not kept in one file: make an archive",
        ))
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.inner.indexer.settle().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.writer.close().await;
        self.inner.indexer.stop().await;
        self.inner.base.owner.release().await;
        self.inner.base.close();
        Ok(())
    }
}
