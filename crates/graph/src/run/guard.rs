//! Sees to it that a run which is dropped does not block its thread: it is ended in the store, by a small task of
//! its own, wherever in its life it was.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::StoreCx;
use crate::contract::{
    Admission, CheckpointId, Checkpointer, Commit, Fence, PendingWrites, RunId, RunMark,
    RunOutcome, StoreError, StoreErrorKind, ThreadKey, Ticket,
};

/// What asks for a run's admission.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Commit(Commit),
    Write(PendingWrites),
}

impl Ask {
    pub(super) fn checkpoint(&self) -> CheckpointId {
        match self {
            Self::Commit(commit) => commit.checkpoint.id,
            Self::Write(writes) => writes.checkpoint,
        }
    }
}

pub(super) struct Guard {
    checkpointer: Arc<dyn Checkpointer>,
    key: ThreadKey,
    run: RunId,
    /// Whether the store holds the run in its queue. Only an admission takes it out; whatever else ends the call
    /// has to.
    queued: bool,
    phase: Phase,
}

enum Phase {
    /// Nothing was asked, or it was refused, or the run is over.
    Idle,
    Sending(CheckpointId, BoxFuture<'static, Result<Ticket, StoreError>>),
    Asked(CheckpointId, Ticket),
    Running(Arc<StoreCx>),
}

impl Guard {
    pub(super) fn new(checkpointer: Arc<dyn Checkpointer>, key: ThreadKey, run: RunId) -> Self {
        Self {
            checkpointer,
            key,
            run,
            queued: false,
            phase: Phase::Idle,
        }
    }

    /// Asks, and waits for the first answer. The ticket is given back for the second.
    pub(super) async fn ask(&mut self, ask: Ask) -> Result<(Admission, Ticket), StoreError> {
        let checkpoint = ask.checkpoint();
        let checkpointer = self.checkpointer.clone();
        self.phase = Phase::Sending(
            checkpoint,
            match ask {
                Ask::Commit(commit) => async move { checkpointer.commit(commit).await }.boxed(),
                Ask::Write(writes) => async move { checkpointer.write(writes).await }.boxed(),
            },
        );
        let sent = poll_fn(|cx| match &mut self.phase {
            Phase::Sending(_, sending) => sending.poll_unpin(cx),
            _ => unreachable!("set above, and changed by nobody else"),
        })
        .await;
        self.phase = Phase::Idle;
        self.phase = Phase::Asked(checkpoint, sent?);
        let admission = poll_fn(|cx| match &mut self.phase {
            Phase::Asked(_, ticket) => pin!(ticket.admitted()).poll(cx),
            _ => unreachable!("set above, and changed by nobody else"),
        })
        .await;
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Asked(_, ticket) => {
                let admission = admission?;
                self.queued = matches!(admission, Admission::Queued { .. });
                Ok((admission, ticket))
            }
            _ => unreachable!("set above, and changed by nobody else"),
        }
    }

    pub(super) fn running(&mut self, store: Arc<StoreCx>) {
        self.phase = Phase::Running(store);
    }

    pub(super) fn over(&mut self) {
        self.phase = Phase::Idle;
    }

    /// Takes the run out of the queue, when it is there and is not just being asked for: what fails here, or is
    /// under way, is seen to when the guard is dropped.
    pub(super) async fn withdraw(&mut self) {
        if self.queued && matches!(self.phase, Phase::Idle) {
            let withdrawn = self.checkpointer.withdraw(&self.key, self.run).await;
            self.queued = withdrawn.is_err();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        let queued = self.queued;
        if !queued && matches!(phase, Phase::Idle) {
            return;
        }
        let (checkpointer, key, run) = (self.checkpointer.clone(), self.key.clone(), self.run);
        let clean_up = async move {
            let ticket = match phase {
                Phase::Idle => return checkpointer.withdraw(&key, run).await,
                Phase::Running(store) if store.has_ended() => return Ok(()),
                Phase::Running(store) => {
                    let outcome = if store.flight.has_failed() {
                        RunOutcome::Error("a write of the run failed".to_owned())
                    } else {
                        RunOutcome::Cancelled
                    };
                    return end(
                        &*checkpointer,
                        key,
                        store.root(),
                        (run, store.fence, outcome),
                    )
                    .await;
                }
                Phase::Sending(checkpoint, sending) => (checkpoint, sending.await?),
                Phase::Asked(checkpoint, ticket) => (checkpoint, ticket),
            };
            let (checkpoint, mut ticket) = ticket;
            match ticket.admitted().await {
                Ok(Admission::Applied(fence) | Admission::AlreadyApplied(fence)) => {
                    end(
                        &*checkpointer,
                        key,
                        checkpoint,
                        (run, fence, RunOutcome::Cancelled),
                    )
                    .await
                }
                Ok(Admission::Queued { .. }) => checkpointer.withdraw(&key, run).await,
                Err(_) if queued => checkpointer.withdraw(&key, run).await,
                Err(error) => Err(error),
            }
        };
        // Without a runtime nothing can be sent; the run's lease or its owner's lock then frees the thread.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(clean_up);
        }
    }
}

async fn end(
    checkpointer: &dyn Checkpointer,
    key: ThreadKey,
    checkpoint: CheckpointId,
    (run, fence, outcome): (RunId, Fence, RunOutcome),
) -> Result<(), StoreError> {
    let end = PendingWrites {
        key,
        checkpoint,
        writes: Vec::new(),
        run: RunMark::End(run, fence, outcome),
    };
    match checkpointer.write(end.clone()).await?.durable().await {
        Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => {
            checkpointer.write(end).await?.durable().await
        }
        other => other,
    }
}
