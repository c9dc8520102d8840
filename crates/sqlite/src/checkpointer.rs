//! What the engine asks for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use everthread_graph::contract::{
    At, Checkpoint, Checkpointer, Commit, HistoryQuery, Namespace, PendingWrites, RunId, Saved,
    StoreError, StoreErrorKind, ThreadKey, Ticket,
};

use crate::sql;
use crate::sql::queue::Turn;
use crate::store::SqliteStore;
use crate::writer::Touches;

/// How often a run that waits looks whether another process let it go.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[async_trait]
impl Checkpointer for SqliteStore {
    async fn commit(&self, commit: Commit) -> Result<Ticket, StoreError> {
        self.inner.refuse_to_write()?;
        self.inner.writer.commit(commit).await
    }

    async fn write(&self, writes: PendingWrites) -> Result<Ticket, StoreError> {
        self.inner.refuse_to_write()?;
        self.inner.writer.write(writes).await
    }

    async fn load(
        &self,
        key: &ThreadKey,
        ns: &Namespace,
        at: At,
    ) -> Result<Option<Saved>, StoreError> {
        let (key, ns) = (key.clone(), ns.clone());
        self.inner
            .readers
            .read("loading a checkpoint", move |tx| {
                sql::load::load(tx, &key, &ns, at)
            })
            .await
    }

    async fn history(
        &self,
        key: &ThreadKey,
        query: HistoryQuery,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let key = key.clone();
        self.inner
            .readers
            .read("listing checkpoints", move |tx| {
                sql::load::history(tx, &key, &query)
            })
            .await
    }

    async fn wait_turn(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        loop {
            let ended = self.inner.ended.notified();
            tokio::pin!(ended);
            // From here on no end is missed, whatever is read meanwhile.
            ended.as_mut().enable();
            let owner = Arc::clone(&self.inner.owner);
            let place = key.clone();
            let now_ms = self.inner.now_ms();
            let turn = self
                .inner
                .readers
                .read("looking at a queue", move |tx| {
                    match sql::place::thread(tx, &place)? {
                        Some(place) => sql::queue::turn(tx, place, run, &owner, now_ms),
                        None => Ok(Turn::Absent),
                    }
                })
                .await?;
            match turn {
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
        let key = key.clone();
        let now_ms = self.inner.now_ms();
        self.inner
            .write(
                "withdrawing a run",
                Touches::Thread(key.clone()),
                move |tx| match sql::place::thread(tx, &key)? {
                    Some(place) => sql::queue::withdraw(tx, place, run, now_ms),
                    None => Ok(()),
                },
            )
            .await
    }
}
