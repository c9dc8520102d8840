//! Writes that were sent and are not known to be durable yet.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;

use crate::contract::{StoreError, Ticket};

/// Writes that may be unanswered at a time.
const MAX_UNANSWERED: u64 = 8;

/// The writes of a run in the order in which they were sent, its subgraphs' among them. Answers come in that
/// order too, because a thread's writes are applied in it.
#[derive(Default)]
pub(crate) struct Flight {
    waiting: Mutex<Waiting>,
    sent: AtomicU64,
    settled: AtomicU64,
    queued: AtomicBool,
    changed: Notify,
}

/// How far a run on a thread has come: what a crash leaves of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It asks to be admitted; it may not exist after a crash.
    Asking,
    /// It waits for its turn, with its input kept durably.
    Queued,
    /// It was admitted, and that is durable.
    Begun,
}

#[derive(Default)]
struct Waiting {
    answers: VecDeque<BoxFuture<'static, Result<(), StoreError>>>,
    failed: Option<StoreError>,
}

impl Flight {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a write that was just sent.
    pub(crate) fn push(&self, ticket: Ticket) {
        self.lock().answers.push_back(ticket.durable().boxed());
        self.sent.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// The run waits for its turn, durably.
    pub(crate) fn queue(&self) {
        self.queued.store(true, Ordering::Release);
    }

    /// How far the run has come.
    pub(crate) fn standing(&self) -> Standing {
        if self.settled() > 0 {
            Standing::Begun
        } else if self.queued.load(Ordering::Acquire) {
            Standing::Queued
        } else {
            Standing::Asking
        }
    }

    /// How many writes were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// How many are durable.
    pub(crate) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    /// Whether a write has failed: those after it have failed too.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().failed.is_some()
    }

    /// Takes the answers that have come. Ready only when a write failed.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<StoreError> {
        let mut waiting = self.lock();
        if let Some(error) = &waiting.failed {
            return Poll::Ready(error.clone());
        }
        while let Some(answer) = waiting.answers.front_mut() {
            match answer.poll_unpin(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) => {
                    waiting.answers.pop_front();
                    self.settled.fetch_add(1, Ordering::Release);
                    self.changed.notify_waiters();
                }
                Poll::Ready(Err(error)) => {
                    waiting.failed = Some(error.clone());
                    self.changed.notify_waiters();
                    return Poll::Ready(error);
                }
            }
        }
        Poll::Pending
    }

    /// Waits until there is room for another write.
    pub(crate) async fn room(&self) -> Result<(), StoreError> {
        self.wait(|flight| flight.sent() - flight.settled() < MAX_UNANSWERED)
            .await
    }

    /// Waits until everything that was sent is durable.
    pub(crate) async fn durable(&self) -> Result<(), StoreError> {
        self.wait(|flight| flight.sent() == flight.settled()).await
    }

    async fn wait(&self, enough: impl Fn(&Self) -> bool) -> Result<(), StoreError> {
        loop {
            let mut changed = pin!(self.changed.notified());
            let answer = poll_fn(|cx| {
                if let Poll::Ready(error) = self.poll(cx) {
                    return Poll::Ready(Some(Err(error)));
                }
                if enough(self) {
                    return Poll::Ready(Some(Ok(())));
                }
                // Another task of the run may take the answer that this one waits for: it tells.
                changed.as_mut().poll(cx).map(|()| None)
            });
            if let Some(answer) = answer.await {
                return answer;
            }
        }
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("sent", &self.sent())
            .field("settled", &self.settled())
            .finish_non_exhaustive()
    }
}
