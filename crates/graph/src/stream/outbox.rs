//! Events on their way to the reader, held back until what they depend on is durable.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use futures::task::AtomicWaker;
use tokio::sync::Notify;

use super::StreamModes;
use crate::event::Event;
use crate::run::{Flight, Standing};

/// Events that may wait for a slow reader before nodes have to wait for room.
const MAX_WAITING: usize = 256;

pub(crate) struct Outbox {
    modes: StreamModes,
    pub(crate) subgraphs: bool,
    queue: Mutex<Queue>,
    room: Notify,
    reader: AtomicWaker,
    /// `None` without a store: nothing is held back then.
    flight: Option<Arc<Flight>>,
}

#[derive(Default)]
struct Queue {
    /// Each with the number of writes that must be durable before it is shown.
    events: VecDeque<(u64, Event)>,
    /// The run is over: nothing is held back any more.
    released: bool,
}

impl Outbox {
    pub(crate) fn new(modes: StreamModes, subgraphs: bool, flight: Option<Arc<Flight>>) -> Self {
        Self {
            modes,
            subgraphs,
            queue: Mutex::default(),
            room: Notify::new(),
            reader: AtomicWaker::new(),
            flight,
        }
    }

    /// How far the run has come; it has begun when there is no store to ask.
    pub(crate) fn standing(&self) -> Standing {
        let flight = self.flight.as_ref();
        flight.map_or(Standing::Begun, |flight| flight.standing())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wants(&self, modes: StreamModes) -> bool {
        self.modes.any_of(modes)
    }

    /// Queues an event that depends on every write sent so far; waits for room. Once a write has failed, what is
    /// not shown by then never will be, and takes up no room.
    pub(crate) async fn push(&self, event: Event) {
        loop {
            let room = self.room.notified();
            if self.flight.as_ref().is_some_and(|f| f.has_failed()) {
                return;
            }
            {
                let mut queue = self.lock();
                if queue.events.len() < MAX_WAITING {
                    let after = self.flight.as_ref().map_or(0, |flight| flight.sent());
                    queue.events.push_back((after, event));
                    self.reader.wake();
                    return;
                }
            }
            room.await;
        }
    }

    /// Takes the store's answers that have come: events make room only when they may be shown, and who waits for
    /// room takes no answers.
    pub(crate) fn poll_durable(&self, cx: &mut Context<'_>) {
        if let Some(flight) = &self.flight
            && flight.poll(cx).is_ready()
        {
            let durable = flight.settled();
            self.lock().events.retain(|(after, _)| *after <= durable);
            self.room.notify_waiters();
        }
    }

    /// The first event, if it may be shown.
    pub(crate) fn pop(&self) -> Option<Event> {
        let durable = self.flight.as_ref().map_or(0, |flight| flight.settled());
        let mut queue = self.lock();
        let (after, _) = queue.events.front()?;
        if *after > durable && !queue.released {
            return None;
        }
        let event = queue.events.pop_front().map(|(_, event)| event);
        self.room.notify_waiters();
        event
    }

    /// The run is over, and with it everything is durable or has failed: what depends on a write that failed is
    /// thrown away.
    pub(crate) fn release(&self) {
        let durable = self.flight.as_ref().map_or(0, |flight| flight.settled());
        let mut queue = self.lock();
        queue.events.retain(|(after, _)| *after <= durable);
        queue.released = true;
    }

    pub(crate) fn wake_by(&self, waker: &Waker) {
        self.reader.register(waker);
    }
}
