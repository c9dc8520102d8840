//! Erasing a user: the rows at once, then what they leave in the index, in free pages and in the log, a little at a
//! time, so that others write meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_graph::contract::{StoreError, UserId};
use everthread_store::Erased;
use rusqlite::Connection;

use super::Inner;
use crate::error::Sql;
use crate::options::Location;
use crate::sql::{erase, index};
use crate::writer::Touches;

/// How often it is tried to empty the log.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Inner {
    /// Erases a user; at return nothing of theirs is in the files any more.
    pub(super) async fn erase(&self, user: &UserId) -> Result<Erased, StoreError> {
        let (user, owner) = (user.clone(), Arc::clone(&self.owner));
        let now_ms = self.now_ms();
        let (mut erased, before) = self
            .write("erasing a user", Touches::Threads, move |tx| {
                let before = erase::live_bytes(tx)?;
                Ok((erase::user(tx, &user, &owner, now_ms)?, before))
            })
            .await?;
        const PURGING: &str = "purging the search index";
        while self.write(PURGING, Touches::Nothing, index::purge).await? {}
        const FREEING: &str = "giving free pages back";
        while self
            .write(FREEING, Touches::Nothing, erase::give_back)
            .await?
        {}
        let after = self.read("measuring the store", erase::live_bytes).await?;
        erased.bytes = before.saturating_sub(after);
        self.empty_the_log().await;
        Ok(erased)
    }

    /// Copies the log into the file and cuts it off, so that it holds nothing of what the file does not hold any more.
    /// One who copies or reads it at this moment is waited for, as long as a write waits.
    pub(super) async fn empty_the_log(&self) {
        if self.options.location == Location::Memory {
            return;
        }
        let since = Instant::now();
        loop {
            let emptied = self.readers.beside("emptying the log", cut_log).await;
            if matches!(emptied, Ok(true)) {
                return;
            }
            if since.elapsed() >= self.options.busy_wait {
                let error = emptied.err();
                tracing::warn!(?error, "what was erased leaves the log with the next copy");
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether the log is empty now.
fn cut_log(connection: &Connection) -> Sql<bool> {
    let busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(!busy)
}
