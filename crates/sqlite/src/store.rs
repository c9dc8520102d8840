//! The store itself: what clones share, and the two ways to the database.

mod calls;
mod erasure;
mod upkeep;

use std::sync::Arc;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::error::Sql;
use crate::open;
use crate::options::{Access, Location, SqliteOptions};
use crate::owner::Owner;
use crate::readers::Readers;
use crate::sql::run_rules::Env;
use crate::writer::{Shared, Touches, Writer};

/// A store in one SQLite file, or in memory. Cheap to clone: clones are the same store.
///
/// It is to be used inside a tokio runtime with time. When the last clone goes away without
/// [`close`](everthread_store::Store::close), what was handed over is still written, and the thread that drops it waits for that.
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
    /// Opens a store; creates its file when that is not there, readable by its owner alone. One that is
    /// [only read](crate::Access::ReadOnly) must be there.
    ///
    /// # Errors
    /// `NotFound` when the folder is not there, or the file and it is only read; `Invalid` when the path is a folder or
    /// the file belongs to another program; `Corrupt` when it is no database or a damaged one; `Newer` when a newer version wrote it;
    /// `Unavailable` when it cannot be read or written. No file is changed then.
    pub fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        if options.access == Access::ReadOnly {
            return Self::open_to_read(options);
        }
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

    fn open_to_read(options: SqliteOptions) -> Result<Self, StoreError> {
        let first = open::reader(&options)?;
        let readers = Readers::new(options.clone(), None);
        readers.keep(first);
        Ok(Self {
            inner: Arc::new(Inner {
                writer: Writer::none(),
                owner: Arc::new(Owner::onlooker(&options.location)),
                ended: Arc::default(),
                readers,
                options,
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
    /// Runs a function on a snapshot, beside the writer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        function: impl FnOnce(&Connection) -> Sql<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.read(doing, function).await
    }

    /// Runs a function in a transaction of the writer.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        touches: Touches,
        function: impl FnOnce(&Connection) -> Sql<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse_to_write()?;
        self.writer.call(doing, touches, function).await
    }

    /// Refuses to write where the store is only read.
    pub(crate) fn refuse_to_write(&self) -> Result<(), StoreError> {
        match self.options.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                format!(
                    "{} was opened to be read only",
                    self.options.location.describe()
                ),
            )),
        }
    }

    /// The time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }
}
