//! A thread of a graph: where runs happen, and what is known of them.

mod edit;
mod key;
mod view;

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use serde::Serialize;

pub(crate) use edit::Written;
pub use key::ThreadRef;
pub(crate) use view::view;
pub use view::{HistoryEntry, StateView, TaskView};

use crate::command::Command;
use crate::contract::{Checkpointer, ThreadKey};
use crate::error::{Error, ErrorKind};
use crate::graph::CompiledGraph;
use crate::run::{self, Call, Flight, Input, IntoInput, RunOptions, RunOutput};
use crate::state::{State, Update};
use crate::stream::{Outbox, RunStream, StreamModes};

/// A thread of a graph. Cheap to make and to clone; nothing is read before it is used.
pub struct Thread<S: State> {
    graph: CompiledGraph<S>,
    thread: ThreadRef,
    options: RunOptions,
}

impl<S: State> Clone for Thread<S> {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            thread: self.thread.clone(),
            options: self.options.clone(),
        }
    }
}

impl<S: State> fmt::Debug for Thread<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("graph", &self.graph.name())
            .field("thread", &self.thread)
            .finish_non_exhaustive()
    }
}

impl<S: State> Thread<S> {
    pub(crate) fn new(graph: CompiledGraph<S>, thread: ThreadRef) -> Self {
        Self {
            graph,
            thread,
            options: RunOptions::new(),
        }
    }

    /// The same thread id of another user.
    #[must_use]
    pub fn user(mut self, user: impl AsRef<str>) -> Self {
        self.thread = self.thread.of_user(user.as_ref());
        self
    }

    /// The thread with other options for the runs that follow.
    #[must_use]
    pub fn with(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    /// The thread's key.
    ///
    /// # Errors
    /// `InvalidInput` when the thread was named by what is no id.
    pub fn key(&self) -> Result<ThreadKey, Error> {
        self.thread.key()
    }

    fn checkpointer(&self) -> Result<Arc<dyn Checkpointer>, Error> {
        self.graph.inner.checkpointer.clone().ok_or_else(|| {
            Error::new(
                ErrorKind::NoCheckpointer,
                "threads need a checkpointer; compile the graph with one, or call invoke on the graph itself",
            )
        })
    }

    /// Runs the graph on the thread until it rests: with an update as a new input, with a [`Command`], or with
    /// `()` to go on with unfinished tasks. Returns when everything is durable. Dropping the future cancels the
    /// run.
    ///
    /// # Errors
    /// `Node`, `Timeout`, `InvalidUpdate`, `RecursionLimit`: the run failed; its input stays in the thread and
    /// the next call goes on from there. `Cancelled`. `NothingToResume`, `AmbiguousResume`, `InvalidInput`: the
    /// call is wrong. `Corrupt`: the stored state does not fit. `Store(..)`: as the store answered.
    pub async fn invoke(&self, input: impl IntoInput<S>) -> Result<RunOutput<S>, Error> {
        let flight = Arc::new(Flight::default());
        run::on_thread(self.call(input.into_input())?, flight, None).await
    }

    /// Answers the interrupt that waits (or several, with an object of answers by interrupt id), and goes on.
    ///
    /// # Errors
    /// As [`Thread::invoke`].
    pub async fn resume<A: Serialize + ?Sized>(&self, answer: &A) -> Result<RunOutput<S>, Error> {
        self.invoke(Command::new().resume(answer)).await
    }

    /// Runs the graph as [`Thread::invoke`] does and shows what happens. No event is shown before what it
    /// depends on is durable. The run goes on as the stream is read, and is cancelled when it is dropped.
    #[must_use]
    pub fn stream(&self, input: impl IntoInput<S>, modes: StreamModes) -> RunStream<S> {
        let flight = Arc::new(Flight::default());
        let call = self.call(input.into_input());
        let run = match &call {
            Ok(call) => call.run,
            Err(_) => self.graph.inner.settings.mint.run(),
        };
        let outbox = Outbox::new(modes, self.options.subgraphs, Some(flight.clone()));
        let outbox = Arc::new(outbox);
        let shown = outbox.clone();
        let work = async move { run::on_thread(call?, flight, Some(shown)).await };
        RunStream::new(run, outbox, work.boxed())
    }

    fn call(&self, mut input: Input<S>) -> Result<Call<S>, Error> {
        let mint = &self.graph.inner.settings.mint;
        if let Input::Update(update) | Input::Command(Command { update, .. }) = &mut input {
            update.prepare(&mut || mint.element());
        }
        Ok(Call {
            checkpointer: self.checkpointer()?,
            key: self.key()?,
            graph: self.graph.clone(),
            input,
            run: self.options.run.unwrap_or_else(|| mint.run()),
            options: self.options.clone(),
        })
    }
}
