//! Follows one run: what is in memory, and of a resumable one what is in the store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::{RunStatus, Store, StoreError};
use futures::{Stream, stream};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::{HEARTBEAT, Never};
use crate::runs::{self, Frame, Live, Read, Reader};

/// How often a run that another process drives is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What becomes of a run when its reader goes away.
pub(crate) struct Leave {
    live: Option<Arc<Live>>,
}

impl Leave {
    /// The run is stopped, if `stop`.
    pub(crate) fn new(live: &Arc<Live>, stop: bool) -> Self {
        Self {
            live: stop.then(|| live.clone()),
        }
    }

    /// The run has ended, or goes on.
    pub(crate) fn done(&mut self) {
        self.live = None;
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(live) = &self.live {
            live.stop(false);
        }
    }
}

/// Follows one run.
pub(crate) struct Follow {
    store: Arc<dyn Store>,
    key: ThreadKey,
    run: RunId,
    source: Source,
    /// Only these modes; all when empty.
    modes: Vec<String>,
    leave: Option<Leave>,
    heartbeat: Interval,
}

enum Source {
    /// It is driven here.
    Memory(Reader),
    /// Its events are in the store, after this number.
    Store(Option<u64>),
    Ended,
}

/// The beats of a connection.
pub(crate) fn beats(every: Duration) -> Interval {
    let mut beats = interval_at(tokio::time::Instant::now() + every, every);
    beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
    beats
}

impl Follow {
    /// Follows a run that is driven here.
    pub(crate) fn live(
        store: Arc<dyn Store>,
        live: &Live,
        reader: Reader,
        every: Duration,
    ) -> Self {
        Self {
            store,
            key: live.key.clone(),
            run: live.id,
            source: Source::Memory(reader),
            modes: Vec::new(),
            leave: None,
            heartbeat: beats(every),
        }
    }

    /// Follows a resumable run that is not driven here, after this event.
    pub(crate) fn stored(
        store: Arc<dyn Store>,
        key: ThreadKey,
        run: RunId,
        after: Option<u64>,
        every: Duration,
    ) -> Self {
        Self {
            store,
            key,
            run,
            source: Source::Store(after),
            modes: Vec::new(),
            leave: None,
            heartbeat: beats(every),
        }
    }

    /// Only these modes.
    pub(crate) fn modes(mut self, modes: Vec<String>) -> Self {
        self.modes = modes;
        self
    }

    /// What becomes of the run when the reader goes away.
    pub(crate) fn leave(mut self, leave: Leave) -> Self {
        self.leave = Some(leave);
        self
    }

    /// The stream's bytes.
    pub(crate) fn bytes(self) -> impl Stream<Item = Result<Bytes, Never>> + Send {
        stream::unfold(self, |mut follow| async move {
            let bytes = follow.next().await;
            if bytes.is_none()
                && let Some(leave) = &mut follow.leave
            {
                leave.done();
            }
            bytes.map(|bytes| (Ok(bytes), follow))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let read = match &mut self.source {
                Source::Ended => return None,
                Source::Store(after) => {
                    let after = *after;
                    match self.read_store(after).await {
                        Some(bytes) if bytes.is_empty() => continue,
                        bytes => return bytes,
                    }
                }
                Source::Memory(reader) => tokio::select! {
                    biased;
                    read = reader.next() => read,
                    _ = self.heartbeat.tick() => return Some(Bytes::from_static(HEARTBEAT)),
                },
            };
            match read {
                Read::Closed => return None,
                Read::Frames(frames) => {
                    let bytes = self.write(&frames);
                    if !bytes.is_empty() {
                        return Some(bytes);
                    }
                }
                Read::Behind(first) => {
                    if let Some(bytes) = self.catch_up(first).await {
                        return Some(bytes);
                    }
                }
            }
        }
    }

    fn write(&self, frames: &[Frame]) -> Bytes {
        let resumable = match &self.source {
            Source::Memory(reader) => reader.is_resumable(),
            _ => true,
        };
        let mut bytes = Vec::new();
        for frame in frames.iter().filter(|frame| frame.is_of(&self.modes)) {
            let id: Option<&dyn std::fmt::Display> =
                if resumable { Some(&frame.seq) } else { None };
            frame.write(id, &mut bytes);
        }
        bytes.into()
    }

    /// What is no longer in memory: in the store when the run is resumable, otherwise lost to this reader.
    async fn catch_up(&mut self, first: u64) -> Option<Bytes> {
        let Source::Memory(reader) = &mut self.source else {
            return None;
        };
        if !reader.is_resumable() {
            self.source = Source::Ended;
            return Some(slow());
        }
        let after = reader.at().checked_sub(1);
        match runs::read_stored(&*self.store, &self.key, self.run, after).await {
            Ok(frames) => {
                let Source::Memory(reader) = &mut self.source else {
                    return None;
                };
                let next = frames.last().map_or(first, |last| last.seq + 1);
                reader.skip_to(next);
                let bytes = self.write(&frames);
                (!bytes.is_empty()).then_some(bytes)
            }
            Err(error) => Some(self.fail(&error)),
        }
    }

    /// What the store has of a run that is not driven here; waits for more while it is not at its end.
    async fn read_store(&mut self, after: Option<u64>) -> Option<Bytes> {
        // Looked at first: what it told before its end is in the store then.
        let run = match self.store.run(&self.key, self.run).await {
            Ok(run) => run,
            Err(error) => return Some(self.fail(&error)),
        };
        let frames = match runs::read_stored(&*self.store, &self.key, self.run, after).await {
            Ok(frames) => frames,
            Err(error) => return Some(self.fail(&error)),
        };
        if let Some(last) = frames.last() {
            self.source = Source::Store(Some(last.seq));
            return Some(self.write(&frames));
        }
        let goes_on =
            run.is_some_and(|run| matches!(run.status, RunStatus::Pending | RunStatus::Running));
        if !goes_on {
            return None;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => Some(Bytes::new()),
            _ = self.heartbeat.tick() => Some(Bytes::from_static(HEARTBEAT)),
        }
    }

    fn fail(&mut self, error: &StoreError) -> Bytes {
        tracing::error!(operation = "stream", run = %self.run, %error, "a stream was cut");
        self.source = Source::Ended;
        cut(
            "StoreError",
            "the store cannot be read just now; join the run again",
        )
    }
}

fn slow() -> Bytes {
    cut(
        "SlowReaderError",
        "the reader was too slow and events were lost to it; the run goes on: join it for its result, or ask for stream_resumable",
    )
}

fn cut(error: &str, message: &str) -> Bytes {
    let data = json!({"error": error, "message": message});
    let mut bytes = Vec::new();
    Frame::new(0, "error", &data.to_string()).write(None, &mut bytes);
    bytes.into()
}
