//! Erasing a user: the rows at once, then what they leave in the index, in free pages and in the log, a little at a
//! time, so that others write meanwhile.

use std::sync::Arc;

use everthread_graph::contract::{StoreError, UserId};
use everthread_store::Erased;

use super::Inner;
use crate::options::Location;
use crate::sql::{erase, index};
use crate::writer::Touches;

impl Inner {
    /// Erases a user; at return nothing of theirs is in the files any more.
    pub(super) async fn erase(&self, user: &UserId) -> Result<Erased, StoreError> {
        let (user, owner) = (user.clone(), Arc::clone(&self.owner));
        let (mut erased, before) = self
            .write("erasing a user", Touches::Threads, move |tx| {
                let before = erase::live_bytes(tx)?;
                Ok((erase::user(tx, &user, &owner)?, before))
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
    async fn empty_the_log(&self) {
        if self.options.location == Location::Memory {
            return;
        }
        let emptied = self
            .readers
            .read_afresh("emptying the log", |connection| {
                connection
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                        row.get::<_, bool>(0)
                    })
                    .map_err(Into::into)
            })
            .await;
        match emptied {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!("others read the log: what was erased leaves it with the next copy");
            }
            Err(error) => {
                tracing::warn!(%error, "what was erased leaves the log with the next copy");
            }
        }
    }
}
