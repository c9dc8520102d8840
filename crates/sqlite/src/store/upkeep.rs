//! Upkeep and statistics: what is done and told of the whole store.

use std::ops::ControlFlow;
use std::sync::Arc;

use everthread_graph::contract::StoreError;
use everthread_store::Stats;
use everthread_store::upkeep::{Tended, Upkeep, UpkeepProgress};
use rusqlite::Connection;

use super::Inner;
use crate::error::Sql;
use crate::options::{Access, Location};
use crate::sql::{erase, index, stats};
use crate::writer::{Job, Touches};

/// Rows of an index that are looked at: more tell the planner nothing new.
const ANALYZED_ROWS: u32 = 1_000;

impl Inner {
    pub(super) async fn stats(&self) -> Result<Stats, StoreError> {
        let now_ms = self.now_ms();
        let (mut told, fresh) = self
            .read("counting", move |tx| stats::stats(tx, now_ms))
            .await?;
        if let (Some(measured), Access::ReadWrite) = (fresh, self.options.access) {
            // Kept, so that the next answer need not look at everything again.
            let keep = move |tx: &Connection| stats::keep(tx, &measured);
            if let Err(error) = self.write("keeping sizes", Touches::Nothing, keep).await {
                tracing::debug!(%error, "what was measured is measured again");
            }
        }
        told.storage = self.options.location.describe();
        told.file_bytes = self
            .options
            .location
            .file_bytes()
            .unwrap_or(told.file_bytes);
        Ok(told)
    }

    /// One task of upkeep.
    pub(super) async fn tend(
        self: &Arc<Self>,
        task: Upkeep,
        progress: UpkeepProgress<'_>,
    ) -> Result<Tended, StoreError> {
        self.refuse_to_write()?;
        let in_file = self.options.location != Location::Memory;
        match task {
            Upkeep::Index => {
                self.write(
                    "merging the search index",
                    Touches::Nothing,
                    index::ask_purge,
                )
                .await?;
                self.in_slices("merging the search index", index::purge, progress)
                    .await
            }
            Upkeep::Analyze => {
                self.write("analyzing", Touches::Nothing, analyze).await?;
                Ok(Tended::Done)
            }
            Upkeep::Space => {
                self.in_slices("giving free pages back", erase::give_back, progress)
                    .await
            }
            Upkeep::Log if in_file => {
                self.empty_the_log().await;
                Ok(Tended::Done)
            }
            Upkeep::Rewrite if in_file => {
                self.writer.ask(Job::Rewrite).await?;
                Ok(Tended::Done)
            }
            Upkeep::Measure => {
                let now_ms = self.now_ms();
                let look = move |tx: &Connection| stats::measure(tx, now_ms);
                let measured = self.read("measuring", look).await?;
                let keep = move |tx: &Connection| stats::keep(tx, &measured);
                self.write("keeping sizes", Touches::Nothing, keep).await?;
                Ok(Tended::Done)
            }
            Upkeep::Log | Upkeep::Rewrite => Ok(Tended::NotNeeded),
        }
    }

    /// Does a slice in a transaction of its own until there are no more.
    async fn in_slices(
        &self,
        doing: &'static str,
        slice: fn(&Connection) -> Sql<bool>,
        progress: UpkeepProgress<'_>,
    ) -> Result<Tended, StoreError> {
        let mut done = 0;
        while self.write(doing, Touches::Nothing, slice).await? {
            done += 1;
            if progress(done, 0) == ControlFlow::Break(()) {
                return Ok(Tended::Stopped);
            }
        }
        Ok(Tended::Done)
    }
}

fn analyze(tx: &Connection) -> Sql<()> {
    tx.execute_batch(&format!(
        "PRAGMA analysis_limit = {ANALYZED_ROWS}; ANALYZE main"
    ))?;
    Ok(())
}
