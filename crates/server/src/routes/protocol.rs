//! The second generation of LangGraph's wire: `/threads/{thread_id}/commands` and
//! `/threads/{thread_id}/stream/events`, the latter as server-sent events or as a WebSocket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::rejection::ExtensionRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use everthread_store::StoreError;
use futures::{Stream, stream};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Routes, Rule};
use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::Path;
use crate::protocol::{Command, Filter, Follow, Greeting, converse, perform};
use crate::sse::{self, HEARTBEAT, Never, beats};

const COMMANDS: &str = "/threads/{thread_id}/commands";
const EVENTS: &str = "/threads/{thread_id}/stream/events";

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::POST, COMMANDS, Rule::Own, commands)
        .route(Method::POST, EVENTS, Rule::Own, events)
        .route(Method::GET, EVENTS, Rule::Own, socket)
}

/// `POST …/commands`: an error of the command is told in its answer, not in the status.
async fn commands(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    body: Result<Body<Box<RawValue>>, ApiError>,
) -> Result<Response, ApiError> {
    let key = caller.key(path.thread()?);
    let body = match body {
        Ok(Body(body)) => body.get().to_owned(),
        // What is no JSON has an answer of its own; what could not be read has not.
        Err(error) if error.code() == "invalid_json" => String::from("-"),
        Err(error) => return Err(error),
    };
    let answer = match Command::read(body.as_bytes()) {
        Ok(command) => perform(&app, &app.runs.tapes.tape(&key), &command).await,
        Err(answer) => *answer,
    };
    Ok(answer.into_response(&key))
}

/// `POST …/stream/events`: what passes the filter, for as long as the client stays.
async fn events(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(body): Body<Value>,
) -> Result<Response, ApiError> {
    let key = caller.key(path.thread()?);
    let (filter, since) = Filter::read(&body)?;
    let tape = app.runs.tapes.tape(&key);
    let follow = Follow::after(&app, &tape, vec![filter], since).await?;
    let bytes = written(follow, app.settings.heartbeat);
    Ok(sse::answer(bytes, &app.front.metrics))
}

/// The bytes of a stream of server-sent events.
fn written(
    follow: Follow,
    every: Duration,
) -> impl Stream<Item = Result<Bytes, Never>> + Send + 'static {
    let open = Some((follow, beats(every)));
    stream::unfold(open, |open| async move {
        let (mut follow, mut beats) = open?;
        let events = tokio::select! {
            biased;
            events = follow.next() => events,
            _ = beats.tick() => {
                let beat = Bytes::from_static(HEARTBEAT);
                return Some((Ok(beat), Some((follow, beats))));
            }
        };
        match events {
            Ok(None) => None,
            Ok(Some(events)) => {
                let mut bytes = Vec::new();
                for event in &events {
                    event.write(&mut bytes);
                }
                Some((Ok(bytes.into()), Some((follow, beats))))
            }
            Err(error) => Some((Ok(cut(&error)), None)),
        }
    })
}

/// The last words of a stream that cannot go on.
fn cut(error: &StoreError) -> Bytes {
    tracing::error!(operation = "stream", %error, "a stream of a thread was cut");
    let message =
        "the store cannot be read just now: come again, after the last number that you saw";
    let data = json!({"type": "error", "id": null, "error": "unknown_error", "message": message});
    format!("event: error\r\ndata: {data}\r\n\r\n").into()
}

/// `GET …/stream/events`: the WebSocket.
async fn socket(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    headers: HeaderMap,
    address: Result<Extension<ConnectInfo<SocketAddr>>, ExtensionRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let key = caller.key(path.thread()?);
    let upgrade = upgrade.map_err(|rejection| {
        ApiError::bad_request(format!(
            "this path is a WebSocket, or a stream of events with POST: {rejection}"
        ))
    })?;
    let from = address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |from| from.0.0.ip());
    let most = app.settings.max_body_bytes;
    let greeting = Greeting {
        app,
        key,
        headers,
        from,
    };
    Ok(upgrade
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| converse(socket, greeting)))
}
