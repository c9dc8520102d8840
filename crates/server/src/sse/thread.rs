//! Follows a thread: every run of it, one after another, for as long as the reader stays.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everthread_graph::contract::{RunId, ThreadKey};
use futures::{Stream, stream};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Interval;

use super::follow::beats;
use super::{HEARTBEAT, Never};
use crate::error::ApiError;
use crate::params::run_id;
use crate::runs::{self, Begun, Frame, Hub, Read, Reader};

/// A place in a thread's events: an event of a run. It is the id of the events of a thread's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    run: RunId,
    seq: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run.uuid().simple(), self.seq)
    }
}

impl Place {
    /// The place that a client came to.
    ///
    /// # Errors
    /// 422 for what is no id of an event of a thread.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let wrong =
            || ApiError::invalid(format!("Last-Event-ID: {text:?} is no event of a thread"));
        let (run, seq) = text.split_once('-').ok_or_else(wrong)?;
        Ok(Self {
            run: run_id(run).map_err(|_| wrong())?,
            seq: seq.parse().map_err(|_| wrong())?,
        })
    }
}

/// Runs of a thread that a client who comes back may have missed.
const MAX_MISSED: usize = 50;

struct Thread {
    feed: mpsc::Receiver<Begun>,
    /// Runs that are to be shown, the first one now.
    runs: VecDeque<Shown>,
    heartbeat: Interval,
}

/// A run that is shown.
struct Shown {
    run: RunId,
    begun: bool,
    source: Source,
}

enum Source {
    Memory(Reader),
    /// What was kept of it.
    Kept(Vec<Frame>),
}

/// The bytes of a thread's stream: from now on, or what came after a place that the client had come to.
///
/// # Errors
/// As the store answers.
pub(crate) async fn follow_thread(
    hub: Arc<Hub>,
    key: ThreadKey,
    after: Option<Place>,
    every: Duration,
) -> Result<impl Stream<Item = Result<Bytes, Never>> + Send, ApiError> {
    // Followed first: no run begins between the look and the feed unseen.
    let feed = hub.feeds.follow(&key);
    let mut runs = VecDeque::new();
    if let Some(after) = after {
        runs = missed(&hub, &key, after).await?;
    }
    for live in hub.of_thread(&key) {
        if !runs.iter().any(|shown: &Shown| shown.run == live.id) {
            runs.push_back(Shown {
                run: live.id,
                begun: false,
                source: Source::Memory(live.log.reader(None)),
            });
        }
    }
    let thread = Thread {
        feed,
        runs,
        heartbeat: beats(every),
    };
    Ok(stream::unfold(thread, |mut thread| async move {
        let bytes = thread.next().await?;
        Some((Ok(bytes), thread))
    }))
}

/// What came after this place, of runs that are driven here or were kept.
async fn missed(hub: &Hub, key: &ThreadKey, after: Place) -> Result<VecDeque<Shown>, ApiError> {
    let query = everthread_store::RunQuery {
        limit: MAX_MISSED,
        ..everthread_store::RunQuery::default()
    };
    let mut found = hub.store.runs(key, query).await?;
    found.retain(|run| run.id >= after.run);
    found.sort_by_key(|run| run.id);
    found.dedup_by_key(|run| run.id);
    let mut runs = VecDeque::new();
    for run in found {
        let seen = (run.id == after.run).then_some(after.seq);
        let source = if let Some(live) = hub.get(key, run.id) {
            Source::Memory(live.log.reader(Some(seen.map_or(0, |seen| seen + 1))))
        } else {
            let mut kept = Vec::new();
            let mut last = seen;
            loop {
                let page = runs::read_stored(&*hub.store, key, run.id, last).await?;
                let Some(frame) = page.last() else { break };
                last = Some(frame.seq);
                kept.extend(page);
            }
            Source::Kept(kept)
        };
        runs.push_back(Shown {
            run: run.id,
            begun: seen.is_some(),
            source,
        });
    }
    Ok(runs)
}

impl Thread {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let Some(shown) = self.runs.front_mut() else {
                let (live, reader) = tokio::select! {
                    biased;
                    begun = self.feed.recv() => begun?,
                    _ = self.heartbeat.tick() => return Some(Bytes::from_static(HEARTBEAT)),
                };
                self.runs.push_back(Shown {
                    run: live.id,
                    begun: false,
                    source: Source::Memory(reader),
                });
                continue;
            };
            let frames = match &mut shown.source {
                Source::Kept(frames) => std::mem::take(frames),
                Source::Memory(reader) => {
                    let read = tokio::select! {
                        biased;
                        read = reader.next() => read,
                        _ = self.heartbeat.tick() => return Some(Bytes::from_static(HEARTBEAT)),
                    };
                    match read {
                        Read::Frames(frames) => frames,
                        Read::Closed => Vec::new(),
                        Read::Behind(first) => {
                            reader.skip_to(first);
                            continue;
                        }
                    }
                }
            };
            if frames.is_empty() {
                let ended = self.runs.pop_front().filter(|shown| shown.begun);
                if let Some(ended) = ended {
                    return Some(done(ended.run));
                }
                continue;
            }
            shown.begun = true;
            return Some(write(shown.run, &frames));
        }
    }
}

fn write(run: RunId, frames: &[Frame]) -> Bytes {
    let mut bytes = Vec::new();
    for frame in frames.iter().filter(|frame| frame.name() != "end") {
        let place = Place {
            run,
            seq: frame.seq,
        };
        frame.write(Some(&place), &mut bytes);
    }
    bytes.into()
}

fn done(run: RunId) -> Bytes {
    let data = json!({"status": "run_done", "run_id": run.to_string()});
    let mut bytes = Vec::new();
    let place = Place {
        run,
        seq: u64::MAX - 1,
    };
    Frame::new(0, "metadata", &data.to_string()).write(Some(&place), &mut bytes);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let run = RunId::from_uuid(uuid::Uuid::now_v7());
        let place = Place { run, seq: 12 };
        assert_eq!(Place::parse(&place.to_string()).ok(), Some(place));
        for wrong in ["", "12", "x-1", "1795354203716-0"] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
