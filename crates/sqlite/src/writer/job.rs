//! What the writer is asked to do.

use everthread_graph::contract::{Commit, PendingWrites, StoreError, TicketSender};
use tokio::sync::oneshot;

use super::call::Call;

/// One thing to do.
pub(crate) enum Job {
    /// A step.
    Commit(Box<Commit>, TicketSender),
    /// What tasks left.
    Write(Box<PendingWrites>, TicketSender),
    /// Anything else that is written in a transaction.
    Call(Box<dyn Call>),
    /// A transaction was left open for what may follow: it is to be ended in time.
    Watch,
    /// Derived work is to catch up.
    Settle(oneshot::Sender<Result<(), StoreError>>),
    /// Everything is to be written anew.
    Rewrite(oneshot::Sender<Result<(), StoreError>>),
    /// The end.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

impl Job {
    /// Refuses it.
    pub(crate) fn fail(self, error: StoreError) {
        match self {
            Self::Commit(_, ticket) | Self::Write(_, ticket) => ticket.settle(Err(error)),
            Self::Call(call) => call.settle(Err(error)),
            Self::Watch => {}
            // Whoever asked may have stopped listening.
            Self::Settle(sender) | Self::Rewrite(sender) | Self::Close(sender) => {
                drop(sender.send(Err(error)));
            }
        }
    }

    /// Whether it belongs into a transaction.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::Commit(..) | Self::Write(..) | Self::Call(_))
    }
}
