//! What comes next for the search index, read while others have the desk.

use everthread_graph::contract::StoreError;
use rusqlite::Connection;

use super::idle::SLICE_BYTES;
use crate::open;
use crate::options::{Location, SqliteOptions};
use crate::sql::index::{self, Batch};

/// Reads ahead, on a connection of its own.
pub(super) struct Ahead {
    options: SqliteOptions,
    connection: Option<Connection>,
}

impl Ahead {
    pub(super) fn new(options: SqliteOptions) -> Self {
        Self {
            options,
            connection: None,
        }
    }

    /// The next messages; `None` when there are none, and when they are better read at the desk: a store in memory has
    /// one connection, and what is wrong with a file is said there.
    pub(super) fn read(&mut self) -> Option<Batch> {
        if self.options.location == Location::Memory {
            return None;
        }
        let read = self.connection().and_then(|connection| {
            index::read(connection, SLICE_BYTES)
                .map_err(|fault| fault.into_store("reading for the search index"))
        });
        read.unwrap_or_else(|error| {
            tracing::debug!(%error, "the search index reads at the desk");
            self.connection = None;
            None
        })
    }

    pub(super) fn close(&mut self) {
        self.connection = None;
    }

    fn connection(&mut self) -> Result<&Connection, StoreError> {
        if self.connection.is_none() {
            self.connection = Some(open::reader(&self.options)?);
        }
        Ok(self.connection.as_ref().expect("it was opened"))
    }
}
