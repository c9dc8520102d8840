//! What the writer is asked to do.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use everthread_graph::contract::{Commit, PendingWrites, StoreError, TicketSender};
use tokio::sync::oneshot;

use super::call::Call;

/// Says that a job has its first answer, for callers that look before they sleep.
pub(crate) type Answered = Arc<AtomicBool>;

/// One thing to do.
pub(crate) enum Job {
    /// A step.
    Commit(Box<Commit>, TicketSender, Answered),
    /// What tasks left.
    Write(Box<PendingWrites>, TicketSender),
    /// Anything else that is written in a transaction.
    Call(Box<dyn Call>),
    /// Derived work is to catch up.
    Settle(oneshot::Sender<Result<(), StoreError>>),
    /// The end.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

impl Job {
    /// Refuses it.
    pub(crate) fn fail(self, error: StoreError) {
        match self {
            Self::Commit(_, ticket, _) | Self::Write(_, ticket) => ticket.settle(Err(error)),
            Self::Call(call) => call.settle(Err(error)),
            // Whoever asked may have stopped listening.
            Self::Settle(sender) | Self::Close(sender) => drop(sender.send(Err(error))),
        }
    }
}
