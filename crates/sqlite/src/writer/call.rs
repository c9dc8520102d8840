//! A function that runs inside a transaction of the writer and is answered once that is durable.

use everthread_graph::contract::{StoreError, ThreadKey};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Sql;

/// Whether a function changes what the writer remembers of threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Touches {
    /// Messages, or anything of many threads.
    Threads,
    /// Runs, heads or counters of one thread.
    Thread(ThreadKey),
    /// These threads, of which something is deleted.
    Deleted(Vec<ThreadKey>),
    /// Only what the writer does not remember.
    Nothing,
}

/// A function whose type is forgotten.
pub(crate) trait Call: Send {
    /// Runs it; called once.
    fn run(&mut self, tx: &Connection) -> Sql<()>;
    /// What was going on, for errors of the database.
    fn doing(&self) -> &'static str;
    /// What it changes.
    fn touches(&self) -> &Touches;
    /// Answers whoever waits.
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
}

pub(super) struct Pending<F, T> {
    doing: &'static str,
    touches: Touches,
    function: Option<F>,
    value: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Pending<F, T>
where
    F: FnOnce(&Connection) -> Sql<T> + Send,
    T: Send,
{
    pub(super) fn new(
        doing: &'static str,
        touches: Touches,
        function: F,
    ) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (answer, receiver) = oneshot::channel();
        let pending = Self {
            doing,
            touches,
            function: Some(function),
            value: None,
            answer,
        };
        (pending, receiver)
    }
}

impl<F, T> Call for Pending<F, T>
where
    F: FnOnce(&Connection) -> Sql<T> + Send,
    T: Send,
{
    fn run(&mut self, tx: &Connection) -> Sql<()> {
        if let Some(function) = self.function.take() {
            self.value = Some(function(tx)?);
        }
        Ok(())
    }

    fn doing(&self) -> &'static str {
        self.doing
    }

    fn touches(&self) -> &Touches {
        &self.touches
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let answer = match (outcome, self.value) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(value)) => Ok(value),
            // It was never run, so nothing was promised: the receiver sees the sender go.
            (Ok(()), None) => return,
        };
        // Whoever asked may have stopped listening; what was written stands.
        let _ = self.answer.send(answer);
    }
}
