//! Follows one run: what is in memory, and of one that another process drives what is in the store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::StoreError;
use futures::{Stream, stream};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::{HEARTBEAT, Never};
use crate::runs::{self, Ask, Far, Frame, Hub, Live, Read, Reader, Remote};

/// What becomes of a run when its reader goes away.
pub(crate) struct Leave {
    run: Option<Running>,
}

/// A run that is to be stopped.
enum Running {
    Here(Arc<Live>),
    Elsewhere(Arc<Hub>, ThreadKey, RunId),
}

impl Leave {
    /// The run is stopped, if `stop`.
    pub(crate) fn new(live: &Arc<Live>, stop: bool) -> Self {
        Self {
            run: stop.then(|| Running::Here(live.clone())),
        }
    }

    /// The same of a run that another process drives.
    pub(crate) fn elsewhere(hub: &Arc<Hub>, key: &ThreadKey, run: RunId, stop: bool) -> Self {
        let run = stop.then(|| Running::Elsewhere(hub.clone(), key.clone(), run));
        Self { run }
    }

    /// The run has ended, or goes on.
    pub(crate) fn done(&mut self) {
        self.run = None;
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        match self.run.take() {
            None => {}
            Some(Running::Here(live)) => live.stop(false),
            Some(Running::Elsewhere(hub, key, run)) => {
                let tasks = hub.tasks.clone();
                tasks.spawn(async move {
                    if let Err(error) = hub.ask(&key, run, Ask::Stop).await {
                        tracing::warn!(operation = "run_stop", %run, %error, "a run goes on without its reader");
                    }
                });
            }
        }
    }
}

/// Follows one run.
pub(crate) struct Follow {
    hub: Arc<Hub>,
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
    /// Another process drives it, or did.
    Elsewhere(Remote),
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
    pub(crate) fn live(hub: &Arc<Hub>, live: &Live, reader: Reader, every: Duration) -> Self {
        let source = Source::Memory(reader);
        Self::new(hub, live.key.clone(), live.id, source, every)
    }

    /// Follows a run that is not driven here.
    pub(crate) fn remote(hub: &Arc<Hub>, key: ThreadKey, remote: Remote, every: Duration) -> Self {
        let run = remote.run();
        Self::new(hub, key, run, Source::Elsewhere(remote), every)
    }

    /// Follows a run of which nothing comes any more.
    pub(crate) fn nothing(hub: &Arc<Hub>, key: ThreadKey, run: RunId, every: Duration) -> Self {
        Self::new(hub, key, run, Source::Ended, every)
    }

    fn new(hub: &Arc<Hub>, key: ThreadKey, run: RunId, source: Source, every: Duration) -> Self {
        Self {
            hub: hub.clone(),
            key,
            run,
            source,
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
                Source::Elsewhere(remote) => {
                    let far = tokio::select! {
                        biased;
                        far = remote.next() => far,
                        _ = self.heartbeat.tick() => return Some(Bytes::from_static(HEARTBEAT)),
                    };
                    match far {
                        Ok(Far::Frames(frames)) => Read::Frames(frames),
                        Ok(Far::Ended) => Read::Closed,
                        Ok(Far::Here(live, from)) => {
                            self.source = Source::Memory(live.log.reader(from));
                            continue;
                        }
                        Err(error) => return Some(self.fail(&error)),
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
        match runs::read_stored(&*self.hub.store, &self.key, self.run, after).await {
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
