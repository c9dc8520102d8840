//! Streams of server-sent events, and bodies that come late: both keep the connection alive while nothing happens.

mod follow;
mod thread;
mod waiting;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt};

pub(crate) use follow::{Follow, Leave, beats};
pub(crate) use thread::{Place, follow_thread};
pub(crate) use waiting::{wait, wait_elsewhere};

use crate::metrics::Metrics;

/// A comment that says: still there. Clients learn its cadence and take three times as long for a dead connection.
pub(crate) const HEARTBEAT: &[u8] = b": heartbeat\r\n\r\n";

/// Why a stream of bytes may fail: never.
pub(crate) type Never = std::convert::Infallible;

/// The answer that is a stream of events.
pub(crate) fn answer(
    stream: impl Stream<Item = Result<Bytes, Never>> + Send + 'static,
    metrics: &Metrics,
) -> Response {
    let open = metrics.stream();
    let stream = stream.inspect(move |_| {
        let _ = &open;
    });
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
