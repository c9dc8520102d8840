//! The contract's calls: what is handed to the writer, what is read beside it.

use std::path::Path;
use std::sync::Arc;

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

use super::SqliteStore;
use crate::sql;
use crate::sql::enqueue::Entry;
use crate::writer::{Job, Touches};

#[async_trait]
impl Store for SqliteStore {
    async fn profile(&self, user: &UserId) -> Result<Option<UserProfile>, StoreError> {
        let user = user.clone();
        self.inner
            .read("reading a profile", move |tx| sql::user::profile(tx, &user))
            .await
    }

    async fn user(&self, user: &UserId) -> Result<Option<User>, StoreError> {
        let user = user.clone();
        self.inner
            .read("reading a profile", move |tx| sql::user::get(tx, &user))
            .await
    }

    async fn put_user(&self, user: &UserId, patch: UserPatch) -> Result<User, StoreError> {
        let (user, now_ms) = (user.clone(), self.inner.now_ms());
        self.inner
            .write("writing a profile", Touches::Nothing, move |tx| {
                sql::user::put(tx, &user, &patch, now_ms)
            })
            .await
    }

    async fn users(&self, query: ListUsers) -> Result<Vec<User>, StoreError> {
        self.inner
            .read("listing users", move |tx| sql::user::list(tx, &query))
            .await
    }

    async fn erase_user(&self, user: &UserId) -> Result<Erased, StoreError> {
        self.inner.erase(user).await
    }

    async fn put_session(&self, user: &UserId, session: Session) -> Result<(), StoreError> {
        let (user, now_ms) = (user.clone(), self.inner.now_ms());
        self.inner
            .write("writing a session", Touches::Nothing, move |tx| {
                sql::session::put(tx, &user, &session, now_ms)
            })
            .await
    }

    async fn sessions(&self, user: &UserId, limit: usize) -> Result<Vec<Session>, StoreError> {
        let user = user.clone();
        self.inner
            .read("listing sessions", move |tx| {
                sql::session::list(tx, &user, limit)
            })
            .await
    }

    async fn create_thread(&self, key: &ThreadKey, new: NewThread) -> Result<Thread, StoreError> {
        let (key, now_ms) = (key.clone(), self.inner.now_ms());
        self.inner
            .write("creating a thread", Touches::Nothing, move |tx| {
                sql::thread::create(tx, &key, &new, now_ms)
            })
            .await
    }

    async fn thread(&self, key: &ThreadKey) -> Result<Option<Thread>, StoreError> {
        let key = key.clone();
        self.inner
            .read("reading a thread", move |tx| sql::thread::get(tx, &key))
            .await
    }

    async fn threads(&self, user: &UserId, query: ListThreads) -> Result<Vec<Thread>, StoreError> {
        let user = user.clone();
        self.inner
            .read("listing threads", move |tx| {
                sql::thread::list(tx, &user, &query)
            })
            .await
    }

    async fn find_threads(
        &self,
        user: &UserId,
        query: FindThreads,
    ) -> Result<ThreadPage, StoreError> {
        let user = user.clone();
        self.inner
            .read("looking for threads", move |tx| {
                sql::thread::find(tx, &user, &query)
            })
            .await
    }

    async fn expired_threads(&self, limit: usize) -> Result<Vec<ThreadKey>, StoreError> {
        let now_ms = self.inner.now_ms();
        self.inner
            .read("looking for expired threads", move |tx| {
                sql::thread::expired(tx, now_ms, limit)
            })
            .await
    }

    async fn copy_thread(&self, from: &ThreadKey, to: &ThreadKey) -> Result<Thread, StoreError> {
        let (from, to, now_ms) = (from.clone(), to.clone(), self.inner.now_ms());
        self.inner
            .write("copying a thread", Touches::Threads, move |tx| {
                sql::copy::copy(tx, &from, &to, now_ms)
            })
            .await
    }

    async fn update_thread(
        &self,
        key: &ThreadKey,
        patch: ThreadPatch,
    ) -> Result<Thread, StoreError> {
        let key = key.clone();
        self.inner
            .write("changing a thread", Touches::Nothing, move |tx| {
                sql::thread::update(tx, &key, &patch)
            })
            .await
    }

    async fn delete_thread(&self, key: &ThreadKey) -> Result<Deleted, StoreError> {
        let (key, owner) = (key.clone(), Arc::clone(&self.inner.owner));
        let touches = Touches::Deleted(vec![key.clone()]);
        self.inner
            .write("deleting a thread", touches, move |tx| {
                sql::delete::thread(tx, &key, &owner)
            })
            .await
    }

    async fn messages(
        &self,
        key: &ThreadKey,
        query: ReadMessages,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let key = key.clone();
        self.inner
            .read("reading messages", move |tx| {
                sql::transcript::read(tx, &key, &query)
            })
            .await
    }

    async fn search(&self, user: &UserId, query: Search) -> Result<Vec<Hit>, StoreError> {
        let user = user.clone();
        self.inner
            .read("searching", move |tx| {
                sql::search::search(tx, &user, &query)
            })
            .await
    }

    async fn runs(&self, key: &ThreadKey, query: RunQuery) -> Result<Vec<Run>, StoreError> {
        let key = key.clone();
        self.inner
            .read("listing runs", move |tx| {
                match sql::place::thread(tx, &key)? {
                    Some(place) => sql::run::list(tx, place, &query),
                    None => Ok(Vec::new()),
                }
            })
            .await
    }

    async fn run(&self, key: &ThreadKey, run: RunId) -> Result<Option<Run>, StoreError> {
        let key = key.clone();
        self.inner
            .read("reading a run", move |tx| {
                match sql::place::thread(tx, &key)? {
                    Some(place) => sql::run::get(tx, place, run),
                    None => Ok(None),
                }
            })
            .await
    }

    async fn enqueue_run(
        &self,
        key: &ThreadKey,
        new: NewRun,
        starts_ms: Option<i64>,
    ) -> Result<usize, StoreError> {
        let (key, owner) = (key.clone(), Arc::clone(&self.inner.owner));
        let entry = Entry {
            now_ms: self.inner.now_ms(),
            starts_ms,
            waiting_runs: self.inner.options.waiting_runs,
        };
        let touches = Touches::Thread(key.clone());
        self.inner
            .write("queueing a run", touches, move |tx| {
                sql::enqueue::enqueue(tx, &key, &new, &owner, &entry)
            })
            .await
    }

    async fn delete_run(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        let key = key.clone();
        let touches = Touches::Thread(key.clone());
        self.inner
            .write("deleting a run", touches, move |tx| {
                sql::delete::run(tx, &key, run)
            })
            .await
    }

    async fn rollback_run(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        let (key, now_ms) = (key.clone(), self.inner.now_ms());
        let touches = Touches::Thread(key.clone());
        self.inner
            .write("taking a run back", touches, move |tx| {
                sql::rollback::run(tx, &key, run, now_ms)
            })
            .await
    }

    async fn live_threads(&self, limit: usize) -> Result<Vec<ThreadKey>, StoreError> {
        let owner = Arc::clone(&self.inner.owner);
        self.inner
            .read("looking for runs that were left", move |tx| {
                sql::claim::left(tx, &owner, limit)
            })
            .await
    }

    async fn append_events(
        &self,
        key: &ThreadKey,
        run: RunId,
        events: Vec<RunEvent>,
    ) -> Result<(), StoreError> {
        let (key, now_ms) = (key.clone(), self.inner.now_ms());
        self.inner
            .write("keeping events of a run", Touches::Nothing, move |tx| {
                sql::event::append(tx, &key, run, &events, now_ms)
            })
            .await
    }

    async fn events(
        &self,
        key: &ThreadKey,
        run: RunId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RunEvent>, StoreError> {
        let key = key.clone();
        self.inner
            .read("reading events of a run", move |tx| {
                sql::event::list(tx, &key, run, after, limit)
            })
            .await
    }

    async fn delete_events_before(&self, ms: i64) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let (some, more) = self
                .inner
                .write("deleting old events", Touches::Nothing, move |tx| {
                    sql::event::delete_before(tx, ms)
                })
                .await?;
            deleted += some;
            if !more {
                return Ok(deleted);
            }
        }
    }

    async fn record(&self, kind: &str, id: &str) -> Result<Option<Record>, StoreError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.inner
            .read("reading a document", move |tx| {
                sql::record::get(tx, &kind, &id)
            })
            .await
    }

    async fn records(&self, kind: &str, query: ListRecords) -> Result<Vec<Record>, StoreError> {
        let kind = kind.to_owned();
        self.inner
            .read("listing documents", move |tx| {
                sql::record::list(tx, &kind, &query)
            })
            .await
    }

    async fn put_record(
        &self,
        kind: &str,
        id: &str,
        expected: Option<u64>,
        body: Json,
    ) -> Result<Record, StoreError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        let now_ms = self.inner.now_ms();
        self.inner
            .write("writing a document", Touches::Nothing, move |tx| {
                sql::record::put(tx, (&kind, &id), expected, &body, now_ms)
            })
            .await
    }

    async fn delete_record(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.inner
            .write("deleting a document", Touches::Nothing, move |tx| {
                sql::record::delete(tx, &kind, &id)
            })
            .await
    }

    async fn claim(&self, key: &ThreadKey) -> Result<Claimed, StoreError> {
        let key = key.clone();
        let owner = Arc::clone(&self.inner.owner);
        let now_ms = self.inner.now_ms();
        let touches = Touches::Thread(key.clone());
        self.inner
            .write("claiming runs", touches, move |tx| {
                sql::claim::claim(tx, &key, &owner, now_ms)
            })
            .await
    }

    async fn prune(&self, key: &ThreadKey, kept: Kept) -> Result<Pruned, StoreError> {
        let key = key.clone();
        let owner = Arc::clone(&self.inner.owner);
        let touches = Touches::Deleted(vec![key.clone()]);
        self.inner
            .write("pruning a thread", touches, move |tx| {
                sql::prune::prune(tx, &key, kept, &owner)
            })
            .await
    }

    async fn stale_threads(&self, query: FindStale) -> Result<StalePage, StoreError> {
        self.inner
            .read("looking for stale threads", move |tx| {
                sql::stale::find(tx, &query)
            })
            .await
    }

    async fn delete_stale(
        &self,
        keys: Vec<ThreadKey>,
        rule: StaleRule,
    ) -> Result<Removed, StoreError> {
        let owner = Arc::clone(&self.inner.owner);
        let touches = Touches::Deleted(keys.clone());
        self.inner
            .write("deleting stale threads", touches, move |tx| {
                sql::stale::delete(tx, &keys, &rule, &owner)
            })
            .await
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
        crate::check::check(&self.inner.readers, progress).await
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
        to: &Path,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<(), StoreError> {
        self.inner.snapshot(to, progress).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.inner.refuse_to_write()?;
        self.inner.writer.ask(Job::Settle).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.readers.close();
        let outcome = self.inner.writer.ask(Job::Close).await;
        let inner = Arc::clone(&self.inner);
        // The thread has answered and is about to end.
        let _ = tokio::task::spawn_blocking(move || inner.writer.join()).await;
        self.inner.owner.release();
        match outcome {
            Err(error) if error.kind() == StoreErrorKind::Unavailable => Ok(()),
            outcome => outcome,
        }
    }
}
