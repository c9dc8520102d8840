//! All rows of a scope, read beside the writer at one moment; and the rows of a part, written in one transaction.

mod files;
mod snapshot;
mod write;

use std::sync::Arc;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::portable::{BATCH_BYTES, BATCH_ROWS, Row, RowStream, Scope};
use futures::{StreamExt, stream};
use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::error::{Sql, fault};
use crate::open;
use crate::options::Location;
use crate::sql::portable;
use crate::store::Inner;
use crate::writer::closed;

const READING: &str = "reading the rows of the store";

/// Batches that are read before anybody asks for them.
const READ_AHEAD: usize = 2;

type Batch = Result<Vec<Row>, StoreError>;

impl Inner {
    /// Reads all rows of a scope at one moment, on a connection of its own: it may be at it for long, and others are
    /// not to wait for it.
    pub(crate) async fn read_rows(&self, scope: &Scope) -> Result<RowStream, StoreError> {
        let connection = self.moment().await?;
        let (sender, mut batches) = mpsc::channel(READ_AHEAD);
        let (scope, readers) = (scope.clone(), Arc::clone(&self.readers));
        tokio::task::spawn_blocking(move || {
            let read = read(&connection, &scope, &mut |batch| {
                if readers.is_closed() {
                    return Err(closed().into());
                }
                let gone = |_| fault(StoreErrorKind::Unavailable, "nobody reads on");
                sender.blocking_send(Ok(batch)).map_err(gone)
            });
            if let Err(fault) = read {
                // Whoever stopped listening needs no answer.
                let _ = sender.blocking_send(Err(fault.into_store(READING)));
            }
        });
        // What is not there is told at once.
        let first: Option<Batch> = batches.recv().await;
        let first = first.transpose()?.map(Ok);
        let rest = stream::unfold(batches, |mut batches| async move {
            let batch = batches.recv().await?;
            Some((batch, batches))
        });
        Ok(stream::iter(first).chain(rest).boxed())
    }

    /// A connection for one who reads for long. Of a store in memory it is a copy: its one connection cannot be kept.
    async fn moment(&self) -> Result<Connection, StoreError> {
        if self.options.location == Location::Memory {
            return self.read(READING, snapshot::into_memory).await;
        }
        let options = self.options.clone();
        if self.readers.is_closed() {
            return Err(closed());
        }
        tokio::task::spawn_blocking(move || open::reader(&options))
            .await
            .unwrap_or_else(|_| Err(closed()))
    }
}

/// Reads rows and hands them on in batches.
fn read(
    connection: &Connection,
    scope: &Scope,
    send: &mut dyn FnMut(Vec<Row>) -> Sql<()>,
) -> Sql<()> {
    let tx = connection.unchecked_transaction()?;
    let mut batch = Vec::new();
    let mut bytes = 0;
    portable::read(&tx, scope, &mut |row| {
        bytes += row.size_bytes();
        batch.push(row);
        if bytes >= BATCH_BYTES || batch.len() >= BATCH_ROWS {
            bytes = 0;
            send(std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    if !batch.is_empty() {
        send(batch)?;
    }
    Ok(())
}
