//! Follows a thread from a place on: what the store has of it, what is in memory, and what comes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use everthread_graph::AnyGraph;
use everthread_graph::contract::{At, Namespace};
use everthread_store::StoreError;
use futures::FutureExt;

use super::event::{Event, Head, Told};
use super::filter::Filter;
use super::rest::{self, Kept};
use super::tape::{Following, Heard, Tape};
use crate::app::App;
use crate::error::ApiError;
use crate::runs::{Frame, Read, Reader};

/// How often it is looked for what other processes told.
const LOOK: Duration = Duration::from_millis(250);

/// Follows a thread.
pub(crate) struct Follow {
    app: App,
    following: Following,
    /// What is wanted: what passes one of these.
    filters: Vec<Filter>,
    /// The number of the event that comes next.
    at: u64,
    /// Where it ends; it goes on for ever when `None`.
    until: Option<u64>,
    /// Whether the store may have more.
    in_store: bool,
    /// The run that is read in memory, and those after it.
    heard: VecDeque<(Heard, Reader)>,
}

impl Follow {
    /// Follows a thread after a number; of a client that names none, from some runs ago on.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn after(
        app: &App,
        tape: &Arc<Tape>,
        filters: Vec<Filter>,
        since: Option<u64>,
    ) -> Result<Self, ApiError> {
        tape.look().await?;
        let following = tape.follow();
        let at = match since {
            // Who has seen more than there is has seen another storage.
            Some(since) => since.min(tape.last()) + 1,
            None => tape.some_runs_ago(),
        };
        Ok(Self::new(app, following, filters, at))
    }

    /// Follows a thread from now on, and wants nothing yet.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn from_now(app: &App, tape: &Arc<Tape>) -> Result<Self, ApiError> {
        tape.look().await?;
        let following = tape.follow();
        let at = tape.last() + 1;
        let mut follow = Self::new(app, following, Vec::new(), at);
        follow.in_store = false;
        Ok(follow)
    }

    fn new(app: &App, mut following: Following, filters: Vec<Filter>, at: u64) -> Self {
        let mut heard = VecDeque::new();
        if let Some((run, mut reader)) = following.current.take() {
            reader.skip_to(at);
            heard.push_back((run, reader));
        }
        Self {
            app: app.clone(),
            following,
            filters,
            at,
            until: None,
            in_store: true,
            heard,
        }
    }

    /// Ends before this number, without waiting for anything.
    pub(crate) fn until(mut self, seq: u64) -> Self {
        self.until = Some(seq);
        self
    }

    /// The number of the event that comes next.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Wants something else from now on.
    pub(crate) fn want(&mut self, filters: Vec<Filter>) {
        self.filters = filters;
    }

    fn wants(&self, head: &Head<'_>) -> bool {
        self.filters.iter().any(|filter| filter.wants(head))
    }

    /// The next events, at least one; `None` at the end. May be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Event>>, StoreError> {
        loop {
            if self.until.is_some_and(|until| self.at >= until) {
                return Ok(None);
            }
            let events = if self.in_store {
                self.read_store().await?
            } else {
                match self.read_memory().await? {
                    Some(events) => events,
                    None => return Ok(None),
                }
            };
            if !events.is_empty() {
                return Ok(Some(events));
            }
        }
    }

    /// A page of what the store has.
    async fn read_store(&mut self) -> Result<Vec<Event>, StoreError> {
        let tape = &self.following.tape;
        let page = rest::read(tape.store(), &tape.key, self.at.checked_sub(1)).await?;
        let Some(next) = page.last().map(|last| last.seq + 1) else {
            self.in_store = false;
            return Ok(Vec::new());
        };
        let events = self.read(page).await;
        self.go_to(next);
        Ok(events)
    }

    /// What is in memory, or comes; `None` when nothing will.
    async fn read_memory(&mut self) -> Result<Option<Vec<Event>>, StoreError> {
        let Some((heard, reader)) = self.heard.front_mut() else {
            if self.until.is_some() {
                return Ok(None);
            }
            let told = tokio::select! {
                told = self.following.feed.recv() => told,
                () = tokio::time::sleep(LOOK) => {
                    self.in_store = true;
                    return Ok(Some(Vec::new()));
                }
            };
            let Some((heard, mut reader)) = told else {
                return Ok(None);
            };
            if reader.at() < self.at {
                reader.skip_to(self.at);
            }
            self.heard.push_back((heard, reader));
            return Ok(Some(Vec::new()));
        };
        let read = if self.until.is_some() {
            match reader.next().now_or_never() {
                Some(read) => read,
                None => return Ok(None),
            }
        } else {
            reader.next().await
        };
        let run = heard.run;
        match read {
            Read::Closed => {
                self.heard.pop_front();
                Ok(Some(Vec::new()))
            }
            Read::Frames(frames) => {
                self.at = reader.at();
                let frames = frames.into_iter().filter(|frame| self.shows(frame));
                let events = frames.map(|frame| Event { run, frame });
                Ok(Some(events.collect()))
            }
            Read::Behind(first) => {
                // Older ones are in the store, unless writing failed.
                self.in_store = true;
                let events = self.read_store().await?;
                if !self.in_store {
                    self.go_to(first);
                }
                self.in_store = false;
                Ok(Some(events))
            }
        }
    }

    fn go_to(&mut self, at: u64) {
        self.at = at;
        if let Some((_, reader)) = self.heard.front_mut() {
            reader.skip_to(at);
        }
    }

    fn shows(&self, frame: &Frame) -> bool {
        self.until.is_none_or(|until| frame.seq < until) && self.wants(&Head::parse(frame.name()))
    }

    /// Those of a page that are wanted, with their states.
    async fn read(&self, page: Vec<Kept>) -> Vec<Event> {
        let mut graph = None;
        let mut events = Vec::new();
        for kept in page {
            if self.until.is_some_and(|until| kept.seq >= until) {
                break;
            }
            let head = Head::parse(&kept.head);
            if !self.wants(&head) {
                continue;
            }
            let json = match kept.json {
                Some(json) => Some(json),
                None => {
                    if graph.is_none() {
                        graph = Some(self.graph().await);
                    }
                    let graph = graph.as_ref().and_then(Option::as_ref);
                    self.state(graph.map(|graph| &**graph), &head).await
                }
            };
            // A state whose checkpoint is gone is passed over: a newer one follows.
            if let Some(json) = json {
                let frame = Frame::new(kept.seq, &kept.head, &json);
                let run = kept.run;
                events.push(Event { run, frame });
            }
        }
        events
    }

    async fn graph(&self) -> Option<Arc<dyn AnyGraph>> {
        let key = &self.following.tape.key;
        let thread = self.app.store.thread(key).await.ok()??;
        self.app.graph_of(key, &thread).await.ok()?
    }

    /// The event of a state that lies at its checkpoint.
    async fn state(&self, graph: Option<&dyn AnyGraph>, head: &Head<'_>) -> Option<String> {
        let (id, at_ms) = head.state?;
        let (key, ns) = (&self.following.tape.key, Namespace::from_text(head.ns));
        let at = At::Id(id.parse().ok()?);
        let state = graph?.state_in(key, &ns, at, false).await.ok()??;
        Some(Told::state(head, at_ms, state.values.as_str()).json)
    }
}
