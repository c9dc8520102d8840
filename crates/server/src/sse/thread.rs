//! Follows a thread: every run of it, one after another, for as long as the reader stays.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::{Run, RunQuery, StoreError};
use futures::{Stream, stream};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Interval;

use super::follow::beats;
use super::{HEARTBEAT, Never};
use crate::error::ApiError;
use crate::params::run_id;
use crate::runs::{Begun, Far, Frame, Hub, Kept, Read, Reader, Remote, goes_on};

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

/// Runs of other processes that are found in one look.
const MAX_AT_ONCE: usize = 10;
/// Runs of a thread that a client who comes back may have missed.
const MAX_MISSED: usize = 50;

/// How often it is looked for runs that other processes drive.
const LOOK: Duration = Duration::from_millis(500);

struct Thread {
    hub: Arc<Hub>,
    key: ThreadKey,
    feed: mpsc::Receiver<Begun>,
    /// The newest run that was shown or is to be shown.
    newest: Option<RunId>,
    look: Interval,
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
    /// Another process drives it, or did.
    Elsewhere(Box<Remote>),
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
    let newest = hub.store.runs(&key, newest_runs(1)).await?;
    let newest = newest.first().map(|run| run.id);
    let mut thread = Thread {
        feed,
        newest,
        runs,
        look: beats(LOOK),
        heartbeat: beats(every),
        hub,
        key,
    };
    thread.find_active().await?;
    Ok(stream::unfold(thread, |mut thread| async move {
        let bytes = thread.next().await?;
        Some((Ok(bytes), thread))
    }))
}

/// What came after this place, of runs that are driven here or were kept.
async fn missed(
    hub: &Arc<Hub>,
    key: &ThreadKey,
    after: Place,
) -> Result<VecDeque<Shown>, ApiError> {
    let mut found = hub.store.runs(key, newest_runs(MAX_MISSED)).await?;
    found.retain(|run| run.id >= after.run);
    found.sort_by_key(|run| run.id);
    found.dedup_by_key(|run| run.id);
    let mut runs = VecDeque::new();
    for run in found {
        let seen = (run.id == after.run).then_some(after.seq);
        let source = if let Some(live) = hub.get(key, run.id) {
            Source::Memory(live.log.reader(Some(seen.map_or(0, |seen| seen + 1))))
        } else {
            let resumable = Kept::read(run.details.as_ref()).is_some_and(|kept| kept.resumable);
            let remote = match resumable {
                true => Remote::resumable(hub, key.clone(), run.id, seen),
                false => Remote::from_now(hub, key.clone(), run.id, false).await?,
            };
            Source::Elsewhere(Box::new(remote))
        };
        runs.push_back(Shown {
            run: run.id,
            begun: seen.is_some(),
            source,
        });
    }
    Ok(runs)
}

/// The newest runs of a thread, so many at most.
fn newest_runs(limit: usize) -> RunQuery {
    RunQuery {
        limit,
        ..RunQuery::default()
    }
}

impl Thread {
    /// A run begins here.
    fn begins(&mut self, (live, reader): Begun) {
        self.newest = self.newest.max(Some(live.id));
        // One that was left elsewhere and is taken up here is shown already.
        if self.runs.iter().all(|shown| shown.run != live.id) {
            self.runs.push_back(Shown {
                run: live.id,
                begun: false,
                source: Source::Memory(reader),
            });
        }
    }

    /// Shows the run that another process drives on this thread.
    async fn find_active(&mut self) -> Result<(), StoreError> {
        let found = self
            .hub
            .store
            .runs(&self.key, newest_runs(MAX_AT_ONCE))
            .await?;
        for run in found.into_iter().rev().filter(goes_on) {
            self.shows(&run).await?;
        }
        Ok(())
    }

    /// Shows the runs that other processes began since.
    async fn find_newer(&mut self) -> Result<(), StoreError> {
        let found = self
            .hub
            .store
            .runs(&self.key, newest_runs(MAX_AT_ONCE))
            .await?;
        let newest = self.newest;
        for run in found.into_iter().rev().filter(|run| Some(run.id) > newest) {
            self.shows(&run).await?;
        }
        Ok(())
    }

    async fn shows(&mut self, run: &Run) -> Result<(), StoreError> {
        let is_here = self.hub.get(&self.key, run.id).is_some();
        if is_here || self.runs.iter().any(|shown| shown.run == run.id) {
            return Ok(());
        }
        self.newest = self.newest.max(Some(run.id));
        let resumable = Kept::read(run.details.as_ref()).is_some_and(|kept| kept.resumable);
        let (hub, key) = (&self.hub, self.key.clone());
        let remote = match resumable {
            true => Remote::resumable(hub, key, run.id, None),
            false => Remote::from_now(hub, key, run.id, false).await?,
        };
        self.runs.push_back(Shown {
            run: run.id,
            begun: false,
            source: Source::Elsewhere(Box::new(remote)),
        });
        Ok(())
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let Some(shown) = self.runs.front_mut() else {
                tokio::select! {
                    biased;
                    begun = self.feed.recv() => self.begins(begun?),
                    _ = self.look.tick() => {
                        if let Err(error) = self.find_newer().await {
                            tracing::warn!(operation = "thread_stream", key = %self.key, %error, "runs of other servers are not seen");
                        }
                    }
                    _ = self.heartbeat.tick() => return Some(Bytes::from_static(HEARTBEAT)),
                };
                continue;
            };
            let frames = match &mut shown.source {
                Source::Elsewhere(remote) => {
                    let far = tokio::select! {
                        biased;
                        far = remote.next() => far,
                        _ = self.heartbeat.tick() => return Some(Bytes::from_static(HEARTBEAT)),
                    };
                    match far {
                        Ok(Far::Frames(frames)) => frames,
                        Ok(Far::Here(live, from)) => {
                            shown.source = Source::Memory(live.log.reader(from));
                            continue;
                        }
                        Ok(Far::Ended) => Vec::new(),
                        Err(error) => {
                            tracing::warn!(operation = "thread_stream", key = %self.key, %error, "a run of another server was cut");
                            Vec::new()
                        }
                    }
                }
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
