//! The Model Context Protocol: a user's memory as tools of whatever program speaks it.
//!
//! Each request stands alone: there is no session that a restart could lose, and each is made under the identity that
//! it shows. So a service is put together for every request, around its caller.

mod recall;
mod tools;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use tools::Tools;

/// Longest text of a refusal that is read.
const MAX_REFUSAL: usize = 64 << 10;

/// Answers one request of the protocol.
pub(crate) async fn answer(app: App, caller: Caller, mut request: Request) -> Response {
    // Answers are always JSON: nothing is told before them that would need a stream.
    let headers = request.headers_mut();
    headers.insert(
        header::ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    // Who may call from where is decided before: hosts and origins were looked at.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(app.settings.max_body_bytes);
    let tools = Tools { app, caller };
    let service = StreamableHttpService::new(
        move || Ok(tools.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let response = service.handle(request).await.map(Body::new);
    in_json(response).await
}

/// A refusal in words becomes one that programs can read; the protocol's own errors are JSON already.
async fn in_json(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let text = to_bytes(response.into_body(), MAX_REFUSAL).await;
    let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
    let error = match status {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(status, "body_too_large", text),
        _ if status.is_server_error() => {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
        }
        _ => ApiError::bad_request(text),
    };
    error.into_response()
}
