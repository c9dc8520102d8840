//! Upkeep and statistics: what is done and told of the whole schema.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use everthread_graph::contract::StoreError;
use everthread_store::Stats;
use everthread_store::upkeep::{Tended, Upkeep, UpkeepProgress};

use super::Inner;
use crate::sql::{stats, upkeep};

/// An answer that had to estimate is given again for so many times as long as it took to make: statistics take a
/// hundredth of a connection's time, however often they are asked for.
const KEPT_FOR: u32 = 100;

/// The last answer that had to estimate.
#[derive(Debug)]
pub(crate) struct KeptStats {
    stats: Stats,
    made: Instant,
    took: Duration,
}

impl Inner {
    pub(super) async fn stats(&self) -> Result<Stats, StoreError> {
        const DOING: &str = "counting";
        // Whoever asks meanwhile waits for the same answer.
        let mut kept = self.kept_stats.lock().await;
        if let Some(kept) = kept
            .as_ref()
            .filter(|kept| kept.made.elapsed() < kept.took * KEPT_FOR)
        {
            return Ok(kept.stats.clone());
        }
        let begun = Instant::now();
        let conn = self.base.conn(DOING).await?;
        let counted = stats::stats(&conn, self.base.owner.name(), self.now_ms()).await;
        let (mut stats, is_estimated) = conn.finish(DOING, counted).await?;
        stats.storage = self.base.options.describe();
        *kept = is_estimated.then(|| KeptStats {
            stats: stats.clone(),
            made: Instant::now(),
            took: begun.elapsed(),
        });
        Ok(stats)
    }

    /// One task of upkeep, table by table.
    pub(super) async fn tend(
        &self,
        task: Upkeep,
        progress: UpkeepProgress<'_>,
    ) -> Result<Tended, StoreError> {
        let doing = task.doing();
        let Some(statements) = upkeep::statements(task) else {
            return Ok(Tended::NotNeeded);
        };
        let total = statements.len() as u64;
        for (done, statement) in (1..).zip(statements) {
            let conn = self.base.conn(doing).await?;
            let did = conn.execute(statement, &[]).await;
            conn.finish(doing, did).await?;
            if progress(done, total) == ControlFlow::Break(()) && done < total {
                return Ok(Tended::Stopped);
            }
        }
        *self.kept_stats.lock().await = None;
        Ok(Tended::Done)
    }
}
