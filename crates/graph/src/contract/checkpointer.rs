//! The trait that a durable home implements for the engine.

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{
    Checkpoint, CheckpointId, Commit, Fence, HistoryQuery, Namespace, PendingWrites, RunId, Saved,
    StoreError, StoreErrorKind, ThreadKey,
};

/// A durable home of checkpoints.
///
/// A write answers twice. *Admitted*: inside the transaction, the head and the fence were right and the rows are
/// written, but a power cut may still undo them. *Durable*: they survive one. Writes of one thread are applied in
/// the order in which [`commit`](Self::commit) and [`write`](Self::write) returned their tickets, and a write whose
/// predecessor failed fails too (its expected head is not there).
///
/// Dropping a ticket does not cancel the write. A write that is sent again with the same checkpoint id answers
/// [`Admission::AlreadyApplied`] and changes nothing.
#[async_trait]
pub trait Checkpointer: Send + Sync + std::fmt::Debug {
    /// Hands over one step. Waits only while the store's queue is full.
    ///
    /// # Errors
    /// `Unavailable` when the store is closed. Everything else comes through the ticket.
    async fn commit(&self, commit: Commit) -> Result<Ticket, StoreError>;

    /// Hands over what tasks left at a checkpoint, or only the end (or the beginning) of a run there.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); `NotFound` through the ticket when the checkpoint is not there.
    async fn write(&self, writes: PendingWrites) -> Result<Ticket, StoreError>;

    /// The head of a namespace, or one checkpoint, with its state; `None` when it is not there. Sees every write
    /// that was admitted and is durable, and those of this process as soon as they are durable.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn load(
        &self,
        key: &ThreadKey,
        ns: &Namespace,
        at: At,
    ) -> Result<Option<Saved>, StoreError>;

    /// Checkpoints without their state, newest (highest id) first.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn history(
        &self,
        key: &ThreadKey,
        query: HistoryQuery,
    ) -> Result<Vec<Checkpoint>, StoreError>;

    /// Waits until a queued run is the first of its thread's queue and no other is active: then asking again with
    /// [`RunMark::Start`](super::RunMark::Start) will admit it, unless somebody else comes first.
    ///
    /// # Errors
    /// `NotFound` when the run is not in the queue.
    async fn wait_turn(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError>;

    /// Takes a queued run out of the queue; nothing happens when it is not there.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn withdraw(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError>;
}

/// Which checkpoint of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The head.
    Head,
    /// This one.
    Id(CheckpointId),
}

/// The first answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is written. The fence is the run's (that of the new run for a start), 0 outside of runs.
    Applied(Fence),
    /// It had been written before.
    AlreadyApplied(Fence),
    /// The run waits behind so many others; its input is kept, nothing else was written.
    Queued {
        /// Runs before it: the active one and those that wait longer.
        ahead: usize,
    },
}

/// The two answers to a write, as they come.
#[derive(Debug)]
pub struct Ticket {
    admitted: oneshot::Receiver<Result<Admission, StoreError>>,
    durable: oneshot::Receiver<Result<(), StoreError>>,
}

/// The store's end of a [`Ticket`].
#[derive(Debug)]
pub struct TicketSender {
    admitted: Option<oneshot::Sender<Result<Admission, StoreError>>>,
    durable: oneshot::Sender<Result<(), StoreError>>,
}

impl Ticket {
    /// A ticket and the end that answers it.
    #[must_use]
    pub fn new() -> (TicketSender, Self) {
        let (admit, admitted) = oneshot::channel();
        let (settle, durable) = oneshot::channel();
        (
            TicketSender {
                admitted: Some(admit),
                durable: settle,
            },
            Self { admitted, durable },
        )
    }

    /// Waits for the first answer. To be called once, before [`Ticket::durable`].
    ///
    /// # Errors
    /// What the store answered; `OutcomeUnknown` when it went away without an answer.
    pub async fn admitted(&mut self) -> Result<Admission, StoreError> {
        (&mut self.admitted).await.unwrap_or_else(|_| Err(gone()))
    }

    /// Waits for the second answer.
    ///
    /// # Errors
    /// What the store answered; `OutcomeUnknown` when it went away without an answer.
    pub async fn durable(self) -> Result<(), StoreError> {
        self.durable.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> StoreError {
    StoreError::new(
        StoreErrorKind::OutcomeUnknown,
        "the store stopped before it answered",
    )
}

impl TicketSender {
    /// Gives the first answer. An error is the second answer as well.
    pub fn admit(&mut self, admission: Admission) {
        if let Some(sender) = self.admitted.take() {
            // The caller may have stopped listening; the write stands all the same.
            let _ = sender.send(Ok(admission));
        }
    }

    /// Gives the second answer, and the first with it when that is still owed.
    pub fn settle(mut self, outcome: Result<(), StoreError>) {
        if let (Some(sender), Err(error)) = (self.admitted.take(), &outcome) {
            let _ = sender.send(Err(error.clone()));
        }
        let _ = self.durable.send(outcome);
    }
}
