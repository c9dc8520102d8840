//! The stream of a run: its events in order, none shown before what it depends on is durable.
//!
//! The stream is the run: reading it drives the run, dropping it cancels the run.

mod modes;
mod outbox;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{FutureExt, Stream};

pub use modes::StreamModes;
pub(crate) use outbox::Outbox;

use crate::contract::RunId;
use crate::error::Error;
use crate::event::Event;
use crate::run::{RunOutput, Standing};
use crate::state::State;

/// The events of a run. Nothing happens unless it is read; dropping it cancels the run.
pub struct RunStream<S: State> {
    run: RunId,
    /// `None` once it has ended.
    work: Option<BoxFuture<'static, Result<RunOutput<S>, Error>>>,
    outbox: Arc<Outbox>,
    failed: Option<Error>,
    output: Option<RunOutput<S>>,
}

impl<S: State> RunStream<S> {
    pub(crate) fn new(
        run: RunId,
        outbox: Arc<Outbox>,
        work: BoxFuture<'static, Result<RunOutput<S>, Error>>,
    ) -> Self {
        Self {
            run,
            work: Some(work),
            outbox,
            failed: None,
            output: None,
        }
    }

    /// The run, known from the start.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run
    }

    /// How far the run has come. It changes while the stream is read, be it without an event.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.outbox.standing()
    }

    /// The next event; `None` at the end. An error is the last event.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        futures::StreamExt::next(self).await
    }

    /// What the run came to; `None` while it runs, and when it failed.
    #[must_use]
    pub fn output(&self) -> Option<&RunOutput<S>> {
        self.output.as_ref()
    }

    /// Reads to the end and says what the run came to.
    ///
    /// # Errors
    /// As [`Thread::invoke`](crate::Thread::invoke).
    pub async fn finish(mut self) -> Result<RunOutput<S>, Error> {
        while let Some(event) = self.next().await {
            event?;
        }
        self.output.ok_or_else(|| {
            Error::new(
                crate::error::ErrorKind::InvalidInput,
                "the stream had been read to its failure before",
            )
        })
    }
}

impl<S: State> Stream for RunStream<S> {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.outbox.wake_by(cx.waker());
        this.outbox.poll_durable(cx);
        if let Some(event) = this.outbox.pop() {
            return Poll::Ready(Some(Ok(event)));
        }
        if let Some(work) = &mut this.work {
            if let Poll::Ready(result) = work.poll_unpin(cx) {
                this.work = None;
                match result {
                    Ok(output) => this.output = Some(output),
                    Err(error) => this.failed = Some(error),
                }
                this.outbox.release();
            }
            if let Some(event) = this.outbox.pop() {
                return Poll::Ready(Some(Ok(event)));
            }
        }
        match (&this.work, this.failed.take()) {
            (Some(_), _) => Poll::Pending,
            (None, Some(error)) => Poll::Ready(Some(Err(error))),
            (None, None) => Poll::Ready(None),
        }
    }
}

impl<S: State> fmt::Debug for RunStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunStream")
            .field("run", &self.run)
            .field("ended", &self.work.is_none())
            .finish_non_exhaustive()
    }
}
