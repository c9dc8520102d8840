//! One line in the log for each request, when its answer is complete; and its id, everywhere.
//!
//! What is told: the operation (method and route, never the path or the query as they came), user, thread, run, how
//! long it took, status, outcome, the id. What looks like a secret is never told, wherever a caller put it.

mod body;
mod id;
mod line;
mod redact;

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::app::App;
use body::Watched;
use id::RequestId;
use line::Line;

/// The header with the id of a request, in requests and answers.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Which error code was answered, for the log; set by the one place that makes error answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnsweredCode(pub(crate) &'static str);

/// Logs and counts a request.
pub(crate) async fn log(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut line = Line::new(began, id.clone(), &request, route.as_ref());
    let span = tracing::info_span!("request", request_id = id.as_str());
    let mut response = next.run(request).instrument(span).await;
    line.answered(&response);
    app.front.metrics.request(
        line.operation(),
        response.status().as_u16(),
        began.elapsed(),
    );
    response.headers_mut().insert(REQUEST_ID, id.value());
    if is_stream(&response) {
        return response.map(|body| Watched::wrap(body, line));
    }
    line.complete();
    response
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
