//! The store itself: what is handed to the writer, what is read beside it.

use std::sync::Arc;

use async_trait::async_trait;
use everthread_graph::contract::{StoreError, StoreErrorKind, ThreadKey, UserId};
use everthread_store::{
    CheckReport, Deleted, Hit, Kept, ListThreads, Pruned, ReadMessages, Run, RunQuery, Search,
    Stats, Store, StoredMessage, Thread, ThreadPatch, User, UserPatch,
};
use tokio::sync::Notify;

use crate::open;
use crate::options::{Location, SqliteOptions};
use crate::owner::Owner;
use crate::readers::Readers;
use crate::sql;
use crate::sql::run_rules::Env;
use crate::writer::{Job, Shared, Touches, Writer};

/// A store in one SQLite file, or in memory. Cheap to clone: clones are the same store.
///
/// It is to be used inside a tokio runtime with time. When the last clone goes away without
/// [`close`](Store::close), what was handed over is still written, and the thread that drops it waits for that.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pub(crate) inner: Arc<Inner>,
}

/// What clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: SqliteOptions,
    pub(crate) writer: Writer,
    pub(crate) readers: Arc<Readers>,
    pub(crate) owner: Arc<Owner>,
    /// Notified when a run may have left its thread.
    pub(crate) ended: Arc<Notify>,
}

impl SqliteStore {
    /// Opens a store; creates its file when that is not there.
    ///
    /// # Errors
    /// `NotFound` when the folder is not there; `Invalid` when the path is a folder or the file belongs to another
    /// program; `Corrupt` when it is no database or a damaged one; `Newer` when a newer version wrote it;
    /// `Unavailable` when it cannot be read or written. No file is changed then.
    pub fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let connection = open::writer(&options)?;
        let owner = Arc::new(Owner::take(&options.location)?);
        let connection: Shared = Arc::new(std::sync::Mutex::new(connection));
        let shared = (options.location == Location::Memory).then(|| Arc::clone(&connection));
        let ended = Arc::new(Notify::new());
        let env = Env {
            clock: options.clock.clone(),
            owner: Arc::clone(&owner),
            waiting_runs: options.waiting_runs,
        };
        let writer = Writer::start(options.clone(), connection, env, Arc::clone(&ended))?;
        let readers = Readers::new(options.clone(), shared);
        Ok(Self {
            inner: Arc::new(Inner {
                options,
                writer,
                readers,
                owner,
                ended,
            }),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.readers.close();
        self.writer.stop();
        self.owner.release();
    }
}

impl Inner {
    fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn user(&self, user: &UserId) -> Result<Option<User>, StoreError> {
        let user = user.clone();
        self.inner
            .readers
            .read("reading a profile", move |tx| sql::user::get(tx, &user))
            .await
    }

    async fn put_user(&self, user: &UserId, patch: UserPatch) -> Result<User, StoreError> {
        let (user, now_ms) = (user.clone(), self.inner.now_ms());
        self.inner
            .writer
            .call("writing a profile", Touches::Nothing, move |tx| {
                sql::user::put(tx, &user, &patch, now_ms)
            })
            .await
    }

    async fn thread(&self, key: &ThreadKey) -> Result<Option<Thread>, StoreError> {
        let key = key.clone();
        self.inner
            .readers
            .read("reading a thread", move |tx| sql::thread::get(tx, &key))
            .await
    }

    async fn threads(&self, user: &UserId, query: ListThreads) -> Result<Vec<Thread>, StoreError> {
        let user = user.clone();
        self.inner
            .readers
            .read("listing threads", move |tx| {
                sql::thread::list(tx, &user, &query)
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
            .writer
            .call("changing a thread", Touches::Nothing, move |tx| {
                sql::thread::update(tx, &key, &patch)
            })
            .await
    }

    async fn delete_thread(&self, key: &ThreadKey) -> Result<Deleted, StoreError> {
        let key = key.clone();
        let owner = Arc::clone(&self.inner.owner);
        self.inner
            .writer
            .call("deleting a thread", Touches::Threads, move |tx| {
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
            .readers
            .read("reading messages", move |tx| {
                sql::transcript::read(tx, &key, &query)
            })
            .await
    }

    async fn search(&self, user: &UserId, query: Search) -> Result<Vec<Hit>, StoreError> {
        let user = user.clone();
        self.inner
            .readers
            .read("searching", move |tx| {
                sql::search::search(tx, &user, &query)
            })
            .await
    }

    async fn runs(&self, key: &ThreadKey, query: RunQuery) -> Result<Vec<Run>, StoreError> {
        let key = key.clone();
        self.inner
            .readers
            .read("listing runs", move |tx| {
                match sql::place::thread(tx, &key)? {
                    Some(place) => sql::run::list(tx, place, &query),
                    None => Ok(Vec::new()),
                }
            })
            .await
    }

    async fn claim(&self, key: &ThreadKey) -> Result<Vec<Run>, StoreError> {
        let key = key.clone();
        let owner = Arc::clone(&self.inner.owner);
        let now_ms = self.inner.now_ms();
        self.inner
            .writer
            .call("claiming runs", Touches::Threads, move |tx| {
                sql::claim::claim(tx, &key, &owner, now_ms)
            })
            .await
    }

    async fn prune(&self, key: &ThreadKey, kept: Kept) -> Result<Pruned, StoreError> {
        let key = key.clone();
        let owner = Arc::clone(&self.inner.owner);
        self.inner
            .writer
            .call("pruning a thread", Touches::Threads, move |tx| {
                sql::prune::prune(tx, &key, kept, &owner)
            })
            .await
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        let readers = &self.inner.readers;
        let mut stats = readers.read("counting", sql::stats::stats).await?;
        let location = &self.inner.options.location;
        stats.storage = location.describe();
        stats.file_bytes = location.file_bytes().unwrap_or(stats.file_bytes);
        Ok(stats)
    }

    async fn check(
        &self,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<CheckReport, StoreError> {
        crate::check::check(&self.inner.readers, progress).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
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
