//! The events of one run in memory: readers follow by position, and none of them holds memory.
//!
//! What every reader has read is dropped, unless the run is resumable: then the newest stay for those who come back,
//! and older ones are in the store. When a reader falls too far behind, the run waits for it for a moment, once; then
//! what it has not read is dropped all the same, and the reader finds out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::frame::Frame;

/// Events that may wait for a slow reader.
const MAX_FRAMES: usize = 1_024;
/// Bytes that may wait for a slow reader.
const MAX_BYTES: usize = 2 << 20;
/// How long a run waits for slow readers in all.
const PATIENCE: Duration = Duration::from_secs(2);

/// The events of one run.
pub(crate) struct Log {
    resumable: bool,
    state: Mutex<State>,
    /// Tells readers that there is more: the number of the next event, `u64::MAX` once there will be none.
    grown: watch::Sender<u64>,
    /// Tells the run that there is room.
    drained: Notify,
}

struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    next: u64,
    /// Everything below is in the store.
    stored: u64,
    closed: bool,
    /// The places of the readers, by reader.
    readers: Vec<(u64, u64)>,
    next_reader: u64,
    patience: Duration,
}

impl State {
    /// The number of the first event that is in memory.
    fn first(&self) -> u64 {
        self.frames.front().map_or(self.next, |frame| frame.seq)
    }

    fn is_full(&self) -> bool {
        self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES
    }

    fn drop_first(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.bytes -= frame.len();
        }
    }

    /// Drops what nobody needs.
    fn trim(&mut self, resumable: bool) {
        let read = self.readers.iter().map(|(_, at)| *at).min();
        let read = read.unwrap_or(self.next);
        while let Some(first) = self.frames.front() {
            let needed = if resumable {
                first.seq >= self.stored || first.seq >= read || !self.is_full()
            } else {
                first.seq >= read
            };
            if needed {
                break;
            }
            self.drop_first();
        }
    }

    /// Drops what slow readers have not read.
    fn cut(&mut self, resumable: bool) {
        while self.is_full() {
            let Some(first) = self.frames.front() else {
                break;
            };
            if resumable && first.seq >= self.stored {
                break;
            }
            self.drop_first();
        }
    }
}

impl Log {
    /// An empty log whose first event has this number.
    pub(crate) fn new(resumable: bool, first: u64) -> Arc<Self> {
        Arc::new(Self {
            resumable,
            state: Mutex::new(State {
                frames: VecDeque::new(),
                bytes: 0,
                next: first,
                stored: first,
                closed: false,
                readers: Vec::new(),
                next_reader: 0,
                patience: PATIENCE,
            }),
            grown: watch::Sender::new(first),
            drained: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the events are kept.
    pub(crate) fn is_resumable(&self) -> bool {
        self.resumable
    }

    /// Whether anybody will ever read an event that comes now.
    pub(crate) fn is_read(&self) -> bool {
        self.resumable || !self.lock().readers.is_empty()
    }

    /// Adds an event; waits for slow readers while there is patience, and for the store of a resumable run.
    pub(crate) async fn push(&self, name: &str, json: &str) {
        let (next, full) = {
            let mut state = self.lock();
            let frame = Frame::new(state.next, name, json);
            state.bytes += frame.len();
            state.frames.push_back(frame);
            state.next += 1;
            state.trim(self.resumable);
            (state.next, state.is_full())
        };
        self.grown.send_replace(next);
        if full {
            self.wait_for_room().await;
        }
    }

    async fn wait_for_room(&self) {
        let begun = Instant::now();
        let patience = self.lock().patience;
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            {
                let mut state = self.lock();
                state.trim(self.resumable);
                if !state.is_full() {
                    break;
                }
            }
            if timeout_at(begun + patience, drained).await.is_err() {
                self.lock().cut(self.resumable);
                break;
            }
        }
        let mut state = self.lock();
        state.patience = patience.saturating_sub(begun.elapsed());
    }

    /// Says that there will be no more events.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.grown.send_replace(u64::MAX);
    }

    /// Says that everything below this number is in the store.
    pub(crate) fn stored(&self, below: u64) {
        let mut state = self.lock();
        state.stored = below;
        state.trim(self.resumable);
        drop(state);
        self.drained.notify_waiters();
    }

    /// A reader from this number on; without one, of what comes from now on.
    pub(crate) fn reader(self: &Arc<Self>, from: Option<u64>) -> Reader {
        let mut state = self.lock();
        let at = from.unwrap_or(state.next);
        let id = state.next_reader;
        state.next_reader += 1;
        state.readers.push((id, at));
        drop(state);
        Reader {
            grown: self.grown.subscribe(),
            log: self.clone(),
            id,
            at,
        }
    }

    /// The number of the first event that is not in the store.
    pub(crate) fn unstored(&self) -> u64 {
        self.lock().stored
    }

    /// Whether there will be no more events.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

/// Follows a log.
pub(crate) struct Reader {
    log: Arc<Log>,
    grown: watch::Receiver<u64>,
    id: u64,
    at: u64,
}

/// What a reader finds.
#[derive(Debug)]
pub(crate) enum Read {
    /// The next events, at least one.
    Frames(Vec<Frame>),
    /// The next event is no longer in memory: the first that is has this number.
    Behind(u64),
    /// There will be no more.
    Closed,
}

impl Reader {
    /// The number of the event that is read next.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Whether the events are kept in the store too.
    pub(crate) fn is_resumable(&self) -> bool {
        self.log.resumable
    }

    /// Goes on from this number.
    pub(crate) fn skip_to(&mut self, at: u64) {
        self.at = at;
        let mut state = self.log.lock();
        if let Some(place) = state.readers.iter_mut().find(|(id, _)| *id == self.id) {
            place.1 = at;
        }
    }

    /// Waits for what comes next.
    pub(crate) async fn next(&mut self) -> Read {
        loop {
            self.grown.borrow_and_update();
            if let Some(read) = self.take() {
                return read;
            }
            if self.grown.changed().await.is_err() {
                return Read::Closed;
            }
        }
    }

    fn take(&mut self) -> Option<Read> {
        let mut state = self.log.lock();
        let first = state.first();
        if self.at < first {
            return Some(Read::Behind(first));
        }
        if self.at >= state.next {
            return state.closed.then_some(Read::Closed);
        }
        let skip = usize::try_from(self.at - first).unwrap_or(usize::MAX);
        let frames: Vec<Frame> = state.frames.iter().skip(skip).cloned().collect();
        self.at = state.next;
        let at = self.at;
        if let Some(place) = state.readers.iter_mut().find(|(id, _)| *id == self.id) {
            place.1 = at;
        }
        let was_full = state.is_full();
        state.trim(self.log.resumable);
        drop(state);
        if was_full {
            self.log.drained.notify_waiters();
        }
        Some(Read::Frames(frames))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.readers.retain(|(id, _)| *id != self.id);
        state.trim(self.log.resumable);
        drop(state);
        self.log.drained.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
