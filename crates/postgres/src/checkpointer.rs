//! What the engine asks for.

use std::time::Duration;

use async_trait::async_trait;
use everthread_graph::contract::{
    At, Checkpoint, Checkpointer, Commit, HistoryQuery, Namespace, PendingWrites, RunId, Saved,
    StoreError, StoreErrorKind, ThreadKey, Ticket,
};

use crate::sql;
use crate::sql::queue::Turn;
use crate::store::PostgresStore;
use crate::writer::Work;

/// How often a run that waits looks whether another process let it go. Asking costs a row; telling would make every
/// commit of the database wait for one lock, which is how PostgreSQL orders what it tells.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[async_trait]
impl Checkpointer for PostgresStore {
    async fn commit(&self, commit: Commit) -> Result<Ticket, StoreError> {
        self.inner.writer.hand_over(Work::Commit(commit)).await
    }

    async fn write(&self, writes: PendingWrites) -> Result<Ticket, StoreError> {
        self.inner.writer.hand_over(Work::Write(writes)).await
    }

    async fn load(
        &self,
        key: &ThreadKey,
        ns: &Namespace,
        at: At,
    ) -> Result<Option<Saved>, StoreError> {
        const DOING: &str = "loading a checkpoint";
        let conn = self.inner.base.reading(DOING).await?;
        let saved = sql::load::load(&conn, key, ns, at).await;
        conn.finish(DOING, saved).await
    }

    async fn history(
        &self,
        key: &ThreadKey,
        query: HistoryQuery,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        const DOING: &str = "listing checkpoints";
        let conn = self.inner.base.conn(DOING).await?;
        let found = sql::load::history(&conn, key, &query).await;
        conn.finish(DOING, found).await
    }

    async fn wait_turn(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        const DOING: &str = "looking at a queue";
        loop {
            let ended = self.inner.base.ended.notified();
            tokio::pin!(ended);
            // From here on no end is missed, whatever is read meanwhile.
            ended.as_mut().enable();
            let conn = self.inner.base.reading(DOING).await?;
            let turn = sql::queue::turn_of(&conn, key, run, self.inner.now_ms()).await;
            match conn.finish(DOING, turn).await? {
                Turn::Now => return Ok(()),
                Turn::Absent => {
                    return Err(StoreError::new(
                        StoreErrorKind::NotFound,
                        format!("run {run} does not wait on {key}"),
                    ));
                }
                // The end of another process's run is only seen by looking.
                Turn::Later => drop(tokio::time::timeout(LOOK_EVERY, ended).await),
            }
        }
    }

    async fn withdraw(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        const DOING: &str = "withdrawing a run";
        let conn = self.inner.base.writing(DOING).await?;
        let done = sql::queue::withdraw(&conn, key, run, self.inner.now_ms()).await;
        conn.finish(DOING, done).await?;
        self.inner.base.ended.notify_waiters();
        Ok(())
    }
}
