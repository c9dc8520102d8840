//! The log of a resumable run in the store: written in batches beside the run, read by those who come back.

use std::sync::Arc;
use std::time::Duration;

use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::{RunEvent, Store, StoreError, StoreErrorKind};

use super::frame::Frame;
use super::live::Live;
use super::log::{Read, Reader};

/// How long events are gathered before they are written.
const GATHER: Duration = Duration::from_millis(25);
/// How often a batch is tried.
const TRIES: u32 = 5;
/// Events that are read at a time.
const PAGE: usize = 256;

/// Writes what this reader reads of a run until there is no more.
pub(super) async fn keep(store: Arc<dyn Store>, live: Arc<Live>, mut reader: Reader) {
    loop {
        match reader.next().await {
            Read::Closed => return,
            // Nothing is dropped before it was written, unless writing failed.
            Read::Behind(first) => reader.skip_to(first),
            Read::Frames(frames) => {
                write(&*store, &live, &frames).await;
                live.log.stored(reader.at());
                if !live.log.is_closed() {
                    tokio::time::sleep(GATHER).await;
                }
            }
        }
    }
}

async fn write(store: &dyn Store, live: &Live, frames: &[Frame]) {
    let events: Vec<RunEvent> = frames
        .iter()
        .map(|frame| RunEvent {
            seq: frame.seq,
            body: frame.to_rest(),
        })
        .collect();
    for attempt in 1..=TRIES {
        match store
            .append_events(&live.key, live.id, events.clone())
            .await
        {
            Ok(()) => return,
            Err(error) if error.is_retryable() && attempt < TRIES => {
                tokio::time::sleep(GATHER * attempt).await;
            }
            // The thread was deleted since, and nobody will come back for it.
            Err(error) if error.kind() == StoreErrorKind::NotFound => return,
            Err(error) => {
                tracing::error!(
                    operation = "run_events", run = %live.id, %error,
                    "events of a run were not kept: who comes back will miss them"
                );
                return;
            }
        }
    }
}

/// Events of a run that were kept, after this number.
///
/// # Errors
/// As the store answers.
pub(crate) async fn read(
    store: &dyn Store,
    key: &ThreadKey,
    run: RunId,
    after: Option<u64>,
) -> Result<Vec<Frame>, StoreError> {
    let events = store.events(key, run, after, PAGE).await?;
    let frames = events.iter();
    Ok(frames
        .filter_map(|event| Frame::from_rest(event.seq, &event.body))
        .collect())
}

/// The number of the last event of a run that was kept.
///
/// # Errors
/// As the store answers.
pub(super) async fn last(
    store: &dyn Store,
    key: &ThreadKey,
    run: RunId,
) -> Result<Option<u64>, StoreError> {
    let mut last = None;
    loop {
        let page = store.events(key, run, last, PAGE).await?;
        match page.last() {
            Some(event) => last = Some(event.seq),
            None => return Ok(last),
        }
    }
}
