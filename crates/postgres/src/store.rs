//! The store itself: what clones share, and the ways to the database.

mod calls;
mod upkeep;

use std::sync::Arc;

use deadpool_postgres::Pool;
use everthread_graph::contract::StoreError;
use tokio::sync::Notify;

use crate::conn::{Conn, Statements};
use crate::error;
use crate::indexer::Indexer;
use crate::open::{self, Opener};
use crate::options::PostgresOptions;
use crate::owner::Owner;
use crate::writer::Writer;

/// A store in a schema of a PostgreSQL database. Cheap to clone: clones are the same store.
///
/// It is to be used inside a tokio runtime with time and I/O. When the last clone goes away without
/// [`close`](everthread_store::Store::close), what was handed over is still written as long as the runtime runs.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pub(crate) inner: Arc<Inner>,
}

/// What clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) base: Arc<Base>,
    pub(crate) writer: Writer,
    pub(crate) indexer: Arc<Indexer>,
    kept_stats: tokio::sync::Mutex<Option<upkeep::KeptStats>>,
}

/// What the store and its tasks share.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) options: PostgresOptions,
    pub(crate) owner: Owner,
    /// Notified when a run may have left its thread.
    pub(crate) ended: Notify,
    pool: Pool,
    statements: Arc<Statements>,
}

impl PostgresStore {
    /// Opens a store: makes its schema when that is not there, and brings its format up to date.
    ///
    /// # Errors
    /// `Invalid` when an option cannot work or the schema holds tables of another program; `Newer` when a newer version
    /// wrote it; `Unavailable` when the database cannot be reached, refuses the user or cannot be written. Nothing is
    /// changed then.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let options = options.checked()?;
        let statements = Arc::new(Statements::new(&options.schema, options.statement_cache));
        let opener = Opener::new(options.clone())?;
        let pool = opener.pool()?;
        open::settle_in(&pool, &statements, &options).await?;
        let owner = Owner::take(opener, Arc::clone(&statements), options.lease).await?;
        let base = Arc::new(Base {
            options,
            owner,
            ended: Notify::new(),
            pool,
            statements,
        });
        let indexer = Arc::new(Indexer::start(Arc::clone(&base)));
        Ok(Self {
            inner: Arc::new(Inner {
                writer: Writer::new(Arc::clone(&base), Arc::clone(&indexer)),
                indexer,
                kept_stats: tokio::sync::Mutex::default(),
                base,
            }),
        })
    }
}

impl Base {
    /// A connection on which each statement stands for itself; `doing` says what it is for.
    pub(crate) async fn conn(&self, doing: &str) -> Result<Conn, StoreError> {
        match self.pool.get().await {
            Ok(client) => Ok(Conn::new(client, Arc::clone(&self.statements))),
            Err(error) => Err(error::pool(&error, doing)),
        }
    }

    /// A connection that reads as of one moment.
    pub(crate) async fn reading(&self, doing: &str) -> Result<Conn, StoreError> {
        Ok(self.conn(doing).await?.snapshot())
    }

    /// A connection that writes in one transaction.
    pub(crate) async fn writing(&self, doing: &str) -> Result<Conn, StoreError> {
        Ok(self.conn(doing).await?.writing())
    }

    /// The time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }

    /// Lets go of all connections: nothing is read or written any more.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

impl Inner {
    /// The time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.base.now_ms()
    }
}
