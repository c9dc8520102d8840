//! Errors in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`.
//!
//! Handlers refuse with a [`Refusal`]; what refuses before them (identity, limits, bodies) knows no protocol. So one
//! layer around all of them writes every error below `/v1` in this shape. Bad input is 400 there: OpenAI's clients
//! know no 422.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use everthread_store::StoreError;
use serde::Deserialize;
use serde_json::json;

use crate::error::ApiError;

/// Says whether a request should be sent again; OpenAI's clients obey it, and otherwise repeat every 409 and 5xx.
const RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// Longest body of an error that is read.
const MAX_BODY: usize = 1 << 20;

/// Why a request is not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: ApiError,
    about: About,
}

/// What only this protocol tells of an error.
#[derive(Debug, Clone, Copy, Default)]
struct About {
    /// The field that is wrong.
    param: Option<&'static str>,
    /// Whether sending the request again would do more than it should.
    is_final: bool,
}

impl Refusal {
    /// 400: this field is wrong, or says what is not done here.
    pub(crate) fn wrong(param: &'static str, detail: impl Into<String>) -> Self {
        Self::from(ApiError::bad_request(detail)).of(param)
    }

    /// 404 for a conversation, an item or a response that the caller has not.
    pub(crate) fn absent(what: &str, id: &str) -> Self {
        ApiError::not_found(format!("{what} {id:?}")).into()
    }

    /// 409: somebody else speaks in this conversation just now.
    pub(crate) fn busy() -> Self {
        ApiError::conflict(
            "thread_busy",
            "another request is being answered in this conversation: wait for its end, or cancel it",
        )
        .into()
    }

    /// 502: the run failed; what was said is kept.
    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self::from(ApiError::new(StatusCode::BAD_GATEWAY, "run_failed", detail)).finally()
    }

    /// About this field.
    pub(crate) fn of(mut self, param: &'static str) -> Self {
        self.about.param = Some(param);
        self
    }

    /// Not to be sent again: something of it was done.
    pub(crate) fn finally(mut self) -> Self {
        self.about.is_final = true;
        self
    }

    /// What happened, for people.
    pub(crate) fn detail(&self) -> &str {
        self.error.detail()
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self {
            error,
            about: About::default(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<everthread_graph::Error> for Refusal {
    fn from(error: everthread_graph::Error) -> Self {
        ApiError::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.error.into_response();
        response.extensions_mut().insert(self.about);
        response
    }
}

/// `{"error": …}` as a stream tells it.
pub(crate) fn body(
    kind: &str,
    message: &str,
    code: &str,
    param: Option<&str>,
) -> serde_json::Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// The body of every error in our own shape.
#[derive(Deserialize)]
struct Ours {
    detail: String,
    code: String,
}

/// Writes errors below `/v1` in OpenAI's shape.
pub(crate) async fn shape(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_ours = path == "/v1" || path.starts_with("/v1/");
    let response = next.run(request).await;
    let status = response.status();
    if !is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut parts, old) = response.into_parts();
    let ours = to_bytes(old, MAX_BODY).await.unwrap_or_default();
    let ours: Ours = serde_json::from_slice(&ours).unwrap_or_else(|_| Ours {
        detail: status.canonical_reason().unwrap_or_default().to_owned(),
        code: "internal".to_owned(),
    });
    let about = parts.extensions.get::<About>().copied().unwrap_or_default();
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        parts.status = StatusCode::BAD_REQUEST;
    }
    if status == StatusCode::CONFLICT || about.is_final {
        parts
            .headers
            .insert(RETRY, HeaderValue::from_static("false"));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let told = body(kind(status), &ours.detail, &ours.code, about.param);
    let mut shaped = Json(told).into_response();
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    *shaped.status_mut() = parts.status;
    *shaped.headers_mut() = parts.headers;
    *shaped.extensions_mut() = parts.extensions;
    shaped
}

/// OpenAI's name for a kind of error.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}
