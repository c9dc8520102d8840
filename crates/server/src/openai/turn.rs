//! From what a request asks for to a run.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use everthread_graph::contract::{RunId, ThreadKey};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::input::Asked;
use super::place::Place;
use super::refusal::Refusal;
use crate::app::App;
use crate::params::segment;
use crate::runs::{Kept, Live, Order, Reader};
use crate::wire::{Mode, OnDisconnect};

/// More tokens than any conversation has: the client owns a conversation that is not remembered, and nothing of it is
/// summarised.
const NEVER: u32 = u32::MAX;

/// How a run is to be told of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Telling {
    /// Piece by piece.
    pub(crate) streams: bool,
    /// Its events are kept, and it goes on without whoever asked.
    pub(crate) background: bool,
}

/// A run that has begun.
pub(crate) struct Begun {
    pub(crate) live: Arc<Live>,
    pub(crate) reader: Reader,
    pub(crate) key: ThreadKey,
}

/// Begins a run. `told` is kept with it for this protocol.
///
/// # Errors
/// As [`Hub::start`](crate::runs::Hub::start).
pub(crate) async fn begin(
    app: &App,
    run: RunId,
    asked: Asked,
    place: Place,
    telling: Telling,
    told: Option<&Value>,
) -> Result<Begun, Refusal> {
    let key = place.key.clone();
    let order = order(run, asked, &place, telling, told);
    let (live, reader) = app.runs.start(order, true).await?;
    let reader = reader.unwrap_or_else(|| live.log.reader(None));
    Ok(Begun { live, reader, key })
}

fn order(run: RunId, asked: Asked, place: &Place, telling: Telling, told: Option<&Value>) -> Order {
    let Asked {
        chosen,
        mut context,
        metadata,
        ..
    } = asked;
    if place.temporary {
        summarise_nothing(&mut context);
    }
    let mut modes = vec![Mode::Updates, Mode::Custom];
    if telling.streams {
        modes.push(Mode::MessagesTuple);
    }
    let told = told.and_then(|told| RawValue::from_string(told.to_string()).ok());
    let kept = Kept {
        assistant: chosen.resolved.assistant.id.to_string(),
        context,
        metadata,
        modes: modes.iter().map(|mode| mode.name().to_owned()).collect(),
        checkpoint: place.begin.map(|id| id.to_string()),
        resumable: telling.background,
        temporary: place.temporary,
        on_disconnect: if telling.background {
            OnDisconnect::Continue
        } else {
            OnDisconnect::Cancel
        },
        asked: told,
        ..Kept::default()
    };
    Order {
        id: run,
        key: place.key.clone(),
        graph: chosen.resolved.graph,
        input: place.input.clone(),
        policy: place.policy,
        checkpoint: place.begin,
        kept: Arc::new(kept),
        attempt: 1,
        first_event: 0,
        name_thread: place.name_thread,
    }
}

fn summarise_nothing(context: &mut Map<String, Value>) {
    context.insert("summarize_above_messages".to_owned(), 0.into());
    context.insert("summarize_above_tokens".to_owned(), NEVER.into());
}

/// Says where the run is found, in the protocol in which every run is.
pub(crate) fn locate(response: &mut Response, key: &ThreadKey, run: RunId) {
    let place = format!("/threads/{}/runs/{run}", segment(key.thread.as_str()));
    // Every segment was escaped: this is plain ASCII.
    if let Ok(place) = HeaderValue::from_str(&place) {
        response
            .headers_mut()
            .insert(header::CONTENT_LOCATION, place);
    }
}
