//! Connections that read: a few, opened when they are needed, each used by one call at a time.

use std::sync::{Arc, Mutex, PoisonError};

use everthread_graph::contract::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::Sql;
use crate::open;
use crate::options::SqliteOptions;
use crate::writer::{Shared, closed, take};

/// The connections that read.
#[derive(Debug)]
pub(crate) struct Readers {
    options: SqliteOptions,
    free: Mutex<Vec<Connection>>,
    room: Semaphore,
    /// The one connection of a store in memory, which reads and writes.
    shared: Option<Shared>,
}

impl Readers {
    /// No connection is opened yet. `shared` is the connection of a store in memory.
    pub(crate) fn new(options: SqliteOptions, shared: Option<Shared>) -> Arc<Self> {
        Arc::new(Self {
            room: Semaphore::new(options.readers.max(1)),
            free: Mutex::new(Vec::new()),
            options,
            shared,
        })
    }

    /// Runs a function on one snapshot of the store, on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        doing: &'static str,
        function: impl FnOnce(&Connection) -> Sql<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(self);
        let _place = self.room.acquire().await.map_err(|_| closed())?;
        tokio::task::spawn_blocking(move || readers.run(doing, function))
            .await
            .unwrap_or_else(|error| Err(broken_off(doing, error)))
    }

    /// The same on a connection of its own, which remembers nothing of what it read before.
    pub(crate) async fn read_afresh<T: Send + 'static>(
        self: &Arc<Self>,
        doing: &'static str,
        function: impl FnOnce(&Connection) -> Sql<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.shared.is_some() {
            return self.read(doing, function).await;
        }
        self.beside(doing, |connection| on_snapshot(connection, function))
            .await
    }

    /// Runs a function outside of any transaction, on a connection to the file of its own.
    pub(crate) async fn beside<T: Send + 'static>(
        self: &Arc<Self>,
        doing: &'static str,
        function: impl FnOnce(&Connection) -> Sql<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(self);
        let _place = self.room.acquire().await.map_err(|_| closed())?;
        tokio::task::spawn_blocking(move || {
            let connection = open::reader(&readers.options)?;
            function(&connection).map_err(|fault| fault.into_store(doing))
        })
        .await
        .unwrap_or_else(|error| Err(broken_off(doing, error)))
    }

    /// Keeps a connection that was opened already.
    pub(crate) fn keep(&self, connection: Connection) {
        self.free().push(connection);
    }

    /// Lets go of the connections; later reads are refused.
    pub(crate) fn close(&self) {
        self.room.close();
        self.free().clear();
    }

    /// Whether reads are refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.room.is_closed()
    }

    fn run<T>(
        &self,
        doing: &'static str,
        function: impl FnOnce(&Connection) -> Sql<T>,
    ) -> Result<T, StoreError> {
        if let Some(shared) = &self.shared {
            return function(&take(shared)).map_err(|fault| fault.into_store(doing));
        }
        let kept = self.free().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => open::reader(&self.options)?,
        };
        let value = on_snapshot(&connection, function).map_err(|fault| fault.into_store(doing))?;
        // After an error the connection is not kept: the next one begins anew.
        if !self.room.is_closed() {
            self.free().push(connection);
        }
        Ok(value)
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn on_snapshot<T>(connection: &Connection, function: impl FnOnce(&Connection) -> Sql<T>) -> Sql<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let value = function(connection);
    connection.prepare_cached("COMMIT")?.execute([])?;
    value
}

fn broken_off(doing: &str, error: tokio::task::JoinError) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!("{doing} was broken off: try again"),
    )
    .with_source(error)
}
