//! The stream of a run, and what the run came to, without the type of the state.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use crate::contract::{CheckpointId, RunId};
use crate::error::{Error, ErrorKind};
use crate::event::{Event, View};
use crate::interrupt::Interrupt;
use crate::run::{RunOutput, Standing};
use crate::state::State;
use crate::stream::RunStream;

/// The events of a run. Nothing happens unless it is read; dropping it cancels the run.
pub struct AnyStream {
    run: RunId,
    stream: Pin<Box<dyn Run>>,
    output: Option<AnyOutput>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct AnyOutput {
    /// The run.
    pub run: RunId,
    /// The state, turned into JSON only when asked.
    pub values: View,
    /// The checkpoint of this state; `None` without a store.
    pub checkpoint: Option<CheckpointId>,
    /// The nodes that would run next: empty when the run came to its end.
    pub next: Vec<Arc<str>>,
    /// The questions that it waits for.
    pub interrupts: Vec<Interrupt>,
}

trait Run: Stream<Item = Result<Event, Error>> + Send {
    fn output(&self) -> Option<AnyOutput>;
    fn standing(&self) -> Standing;
}

impl<S: State> Run for RunStream<S> {
    fn output(&self) -> Option<AnyOutput> {
        self.output().map(AnyOutput::of)
    }

    fn standing(&self) -> Standing {
        self.standing()
    }
}

impl AnyOutput {
    fn of<S: State>(output: &RunOutput<S>) -> Self {
        Self {
            run: output.run,
            values: View::new(output.state.clone()),
            checkpoint: output.checkpoint,
            next: output.next.clone(),
            interrupts: output.interrupts.clone(),
        }
    }

    /// Whether the run stopped before its end, for a question or at a breakpoint.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        !self.next.is_empty()
    }
}

impl AnyStream {
    pub(super) fn new<S: State>(stream: RunStream<S>) -> Self {
        Self {
            run: stream.run_id(),
            stream: Box::pin(stream),
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
        self.stream.standing()
    }

    /// The next event; `None` at the end. An error is the last event.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        futures::StreamExt::next(self).await
    }

    /// What the run came to; `None` until the stream has ended, and when the run failed.
    #[must_use]
    pub fn output(&self) -> Option<&AnyOutput> {
        self.output.as_ref()
    }

    /// Reads to the end and says what the run came to.
    ///
    /// # Errors
    /// As [`Thread::invoke`](crate::Thread::invoke).
    pub async fn finish(mut self) -> Result<AnyOutput, Error> {
        while let Some(event) = self.next().await {
            event?;
        }
        self.output.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "the stream had been read to its failure before",
            )
        })
    }
}

impl Stream for AnyStream {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.as_mut().poll_next(cx);
        if let Poll::Ready(None) = next {
            self.output = self.stream.output();
        }
        next
    }
}

impl fmt::Debug for AnyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStream")
            .field("run", &self.run)
            .field("ended", &self.output.is_some())
            .finish_non_exhaustive()
    }
}
