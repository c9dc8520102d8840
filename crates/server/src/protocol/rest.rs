//! The events of a thread in the store: written in batches beside the run, read by those who come back.
//!
//! They lie where a run's events lie, under an id that stands for the thread as a whole. A state is not written again:
//! its event names the checkpoint.

use std::sync::Arc;
use std::time::Duration;

use everthread_graph::contract::{Json, RunId, ThreadKey};
use everthread_store::{RunEvent, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::event::Head;
use crate::runs::{Frame, Log, Read};

/// How long events are gathered before they are written.
const GATHER: Duration = Duration::from_millis(25);
/// How often a batch is tried.
const TRIES: u32 = 5;
/// Events that are read at a time.
const PAGE: usize = 256;
/// Longest state without a checkpoint that is kept as it is, in bytes.
const MAX_STATE: usize = 16 << 10;

/// An event at rest.
#[derive(Serialize, Deserialize)]
struct AtRest<'a> {
    run: RunId,
    head: String,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    json: Option<&'a RawValue>,
}

/// An event as the store gives it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) seq: u64,
    pub(super) run: RunId,
    pub(super) head: String,
    /// `None` for a state that is to be read at its checkpoint.
    pub(super) json: Option<String>,
}

/// What stands for a thread as a whole where the events of a run are kept.
fn place(key: &ThreadKey) -> RunId {
    let name = format!("{}\0{}", key.user, key.thread);
    RunId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

/// Writes the events of a run to its thread's until there are no more.
pub(super) async fn keep(store: Arc<dyn Store>, key: ThreadKey, run: RunId, log: Arc<Log>) {
    let mut reader = log.reader(Some(log.unstored()));
    loop {
        match reader.next().await {
            Read::Closed => return,
            // Nothing is dropped before it was written, unless writing failed.
            Read::Behind(first) => reader.skip_to(first),
            Read::Frames(frames) => {
                write(&*store, &key, run, &frames).await;
                log.stored(reader.at());
                if !log.is_closed() {
                    tokio::time::sleep(GATHER).await;
                }
            }
        }
    }
}

async fn write(store: &dyn Store, key: &ThreadKey, run: RunId, frames: &[Frame]) {
    let events: Vec<RunEvent> = frames
        .iter()
        .filter_map(|frame| at_rest(run, frame))
        .collect();
    if events.is_empty() {
        return;
    }
    for attempt in 1..=TRIES {
        let put = store.append_events(key, place(key), events.clone());
        match put.await {
            Ok(()) => return,
            Err(error) if error.is_retryable() && attempt < TRIES => {
                tokio::time::sleep(GATHER * attempt).await;
            }
            Err(error) => {
                tracing::error!(
                    operation = "thread_events", %run, %error,
                    "events of a thread were not kept: who comes back will miss them"
                );
                return;
            }
        }
    }
}

/// An event as it is kept; `None` for a long state that no checkpoint has.
fn at_rest(run: RunId, frame: &Frame) -> Option<RunEvent> {
    let head = Head::parse(frame.name());
    if head.method == "values" && head.state.is_none() && frame.len() > MAX_STATE {
        return None;
    }
    let json = match head.state {
        Some(_) => None,
        None => Some(serde_json::from_str(frame.data()).ok()?),
    };
    let at_rest = AtRest {
        run,
        head: frame.name().to_owned(),
        json,
    };
    Some(RunEvent {
        seq: frame.seq,
        body: Json::of(&at_rest).ok()?,
    })
}

/// Events of a thread after a number, at most a page of them, and whether there may be more.
///
/// # Errors
/// As the store answers.
pub(super) async fn read(
    store: &dyn Store,
    key: &ThreadKey,
    after: Option<u64>,
) -> Result<Vec<Kept>, StoreError> {
    let events = store.events(key, place(key), after, PAGE).await?;
    let read = |event: &RunEvent| {
        let kept: AtRest<'_> = serde_json::from_str(event.body.as_str()).ok()?;
        Some(Kept {
            seq: event.seq,
            run: kept.run,
            head: kept.head,
            json: kept.json.map(|json| json.get().to_owned()),
        })
    };
    Ok(events.iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::super::event::Told;
    use super::*;

    #[test]
    fn a_state_is_kept_by_its_checkpoint_and_anything_else_as_it_is() {
        let run = RunId::from_uuid(Uuid::now_v7());
        let id = "01a20562-3c56-7011-8b0d-e8c29b5a6b01";
        let head = Head {
            state: Some((id, 7)),
            ..Head::new("values", "")
        };
        let state = Told::state(&head, 7, r#"{"messages":["a secret"]}"#);
        let kept = at_rest(run, &Frame::new(1, &state.head, &state.json)).expect("kept");
        assert!(!kept.body.as_str().contains("secret"));
        let other = Told::new(&Head::new("updates", ""), 7, None, r#"{"x":1}"#);
        let kept = at_rest(run, &Frame::new(2, &other.head, &other.json)).expect("kept");
        assert!(kept.body.as_str().contains(&other.json));
        let long = format!("{:?}", "x".repeat(MAX_STATE));
        let long = Told::state(&Head::new("values", ""), 7, &long);
        assert!(at_rest(run, &Frame::new(3, &long.head, &long.json)).is_none());
    }
}
