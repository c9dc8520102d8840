//! Tells a run to those who follow its thread, from its begin to its end.

use std::sync::Arc;

use everthread_graph::Event;
use everthread_graph::contract::RunId;

use super::Commanded;
use super::event::Told;
use super::tape::{Tape, Telling};
use super::teller::Teller;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending<'a> {
    /// Nothing is left to do.
    Completed,
    /// It waits for answers or at a breakpoint, or was stopped.
    Interrupted,
    /// It failed, with this message.
    Failed(&'a str),
}

/// Tells one run.
pub(crate) struct Speaker {
    tape: Arc<Tape>,
    run: RunId,
    teller: Teller,
    /// It is told whoever follows.
    commanded: Option<Commanded>,
    telling: Option<Telling>,
    /// The store could not be read: it is not told.
    mute: bool,
}

impl Speaker {
    /// Tells a run of this graph, which a command began or not.
    pub(crate) fn new(
        tape: Arc<Tape>,
        run: RunId,
        graph: &str,
        commanded: Option<Commanded>,
    ) -> Self {
        Self {
            tape,
            run,
            teller: Teller::new(graph),
            commanded,
            telling: None,
            mute: false,
        }
    }

    fn is_heard(&self) -> bool {
        self.commanded.is_some() || self.telling.is_some() || self.tape.is_followed()
    }

    /// The run was admitted. Waits until the one before has been told.
    pub(crate) async fn begin(&mut self) {
        if self.telling.is_some() || self.mute || !self.is_heard() {
            return;
        }
        match self.tape.tell(self.run).await {
            Ok(telling) => self.telling = Some(telling),
            Err(error) => {
                tracing::error!(operation = "thread_events", run = %self.run, %error, "a run is not told to those who follow its thread");
                self.mute = true;
                return;
            }
        }
        let commanded = self.commanded.as_ref();
        let answers = commanded.map_or(&[][..], |commanded| &commanded.answers);
        let told = self.teller.begin(answers);
        self.push(told).await;
    }

    /// Tells what happened.
    pub(crate) async fn tell(&mut self, event: &Event) {
        if !self.is_heard() {
            return;
        }
        self.begin().await;
        let told = self.teller.tell(event);
        self.push(told).await;
    }

    /// Tells the end, when everything of the run is final.
    pub(crate) async fn end(&mut self, ending: Ending<'_>) {
        self.begin().await;
        let told = self.teller.end(ending);
        self.push(told).await;
        self.leave().await;
    }

    /// Tells no more, without an end.
    pub(crate) async fn leave(&mut self) {
        if let Some(telling) = self.telling.take() {
            telling.end().await;
        }
    }

    async fn push(&mut self, told: Vec<Told>) {
        let tree = self.teller.changed_tree();
        let Some(telling) = &self.telling else {
            return;
        };
        if let Some(tree) = tree {
            telling.tape.set_tree(tree);
        }
        for told in &told {
            telling.push(told).await;
        }
    }
}
