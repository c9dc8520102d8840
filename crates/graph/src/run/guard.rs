//! Sees to it that no call leaves a run behind that blocks its thread: however it ends, the run is ended in the
//! store or taken out of its queue, by a small task of its own where the call cannot wait.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::StoreCx;
use super::hold::{Ask, Hold};
use crate::contract::{Admission, Checkpointer, RunId, RunOutcome, StoreError, ThreadKey, Ticket};

pub(super) struct Guard {
    hold: Hold,
    phase: Phase,
}

enum Phase {
    /// Nothing is under way, or the run is over.
    Idle,
    Sending(Arc<Ask>, BoxFuture<'static, Result<Ticket, StoreError>>),
    Asked(Arc<Ask>, Ticket),
    Running(Arc<StoreCx>),
}

impl Guard {
    pub(super) fn new(checkpointer: Arc<dyn Checkpointer>, key: ThreadKey, run: RunId) -> Self {
        Self {
            hold: Hold::new(checkpointer, key, run),
            phase: Phase::Idle,
        }
    }

    /// Asks, and waits for the first answer. The ticket is given back for the second.
    pub(super) async fn ask(&mut self, ask: &Arc<Ask>) -> Result<(Admission, Ticket), StoreError> {
        let sending = self.hold.send(Ask::clone(ask));
        self.phase = Phase::Sending(ask.clone(), sending);
        let sent = poll_fn(|cx| match &mut self.phase {
            Phase::Sending(_, sending) => sending.poll_unpin(cx),
            _ => unreachable!("set above, and changed by nobody else"),
        })
        .await;
        self.phase = Phase::Idle;
        let sent = sent.inspect_err(|error| self.hold.refused(ask, error))?;
        self.phase = Phase::Asked(ask.clone(), sent);
        let admission = poll_fn(|cx| match &mut self.phase {
            Phase::Asked(_, ticket) => pin!(ticket.admitted()).poll(cx),
            _ => unreachable!("set above, and changed by nobody else"),
        })
        .await;
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Asked(_, ticket) => {
                let admission = admission.inspect_err(|error| self.hold.refused(ask, error))?;
                self.hold.answered(admission);
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
        if matches!(self.phase, Phase::Idle) {
            self.hold.try_withdraw().await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        if matches!(phase, Phase::Idle) && self.hold.is_nothing() {
            return;
        }
        let mut hold = self.hold.clone();
        let clean_up = async move {
            match phase {
                Phase::Idle => {}
                Phase::Running(store) => return end(&hold, &store).await,
                Phase::Sending(ask, sending) => match sending.await {
                    Ok(ticket) => hold.await_answer(&ask, ticket).await?,
                    Err(error) => hold.refused(&ask, &error),
                },
                Phase::Asked(ask, ticket) => hold.await_answer(&ask, ticket).await?,
            }
            hold.free().await
        };
        // Without a runtime nothing can be sent; the run's lease or its owner's lock then frees the thread.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(clean_up);
        }
    }
}

/// Ends a run that was dropped while it ran. Its end may have been sent: then that is waited for.
async fn end(hold: &Hold, store: &StoreCx) -> Result<(), StoreError> {
    if store.has_ended() {
        match store.flight.durable().await {
            Ok(()) => return Ok(()),
            Err(error) => store.note_failure(&error),
        }
        if store.has_ended() {
            return Ok(());
        }
    }
    let outcome = if store.flight.has_failed() {
        RunOutcome::Error("a write of the run failed".to_owned())
    } else {
        RunOutcome::Cancelled
    };
    hold.end(store.root(), store.fence, outcome).await
}
