//! The one place where errors become HTTP statuses and stable codes.

use std::error::Error as _;
use std::fmt;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use everthread_backup::{BackupError, BackupErrorKind};
use everthread_graph::ErrorKind;
use everthread_store::{StoreError, StoreErrorKind};
use serde::Serialize;

use crate::codes;
use crate::request_log::AnsweredCode;

/// Seconds after which a caller may try again when the server has no room.
const RETRY_AFTER_S: u64 = 1;

/// An answer that is an error: `{"detail": "…", "code": "…"}`.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after_s: Option<u64>,
}

#[derive(Serialize)]
struct Body<'a> {
    detail: &'a str,
    code: &'a str,
}

impl ApiError {
    /// An error of this status; the code is stable and documented, the detail is for people.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(
            codes::is_known(code, status.as_u16()),
            "{code} is not in the table of codes with {status}"
        );
        Self {
            status,
            code,
            detail: detail.into(),
            retry_after_s: None,
        }
    }

    /// 404: what was named is not there, or is another user's.
    #[must_use]
    pub fn not_found(what: impl fmt::Display) -> Self {
        let detail = format!("{what} not found");
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 401: nobody is known who shows this.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 422: what was sent is understood and wrong.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// 400: what was sent cannot be done on this thread.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// 409: what was sent collides with what is there.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 503 with `Retry-After`: there is no room just now.
    #[must_use]
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(RETRY_AFTER_S)
    }

    /// Says when the caller may try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What a person reads.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.status, self.code, self.detail)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Body {
            detail: &self.detail,
            code: self.code,
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(AnsweredCode(self.code));
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        of_store(error.kind(), error.to_string())
    }
}

impl From<everthread_graph::Error> for ApiError {
    fn from(error: everthread_graph::Error) -> Self {
        let detail = error.to_string();
        match error.kind() {
            ErrorKind::Store(kind) => of_store(kind, detail),
            ErrorKind::InvalidInput | ErrorKind::InvalidUpdate => Self::invalid(detail),
            ErrorKind::NothingToResume => Self::bad_request(detail),
            ErrorKind::AmbiguousResume | ErrorKind::AmbiguousNode => Self::bad_request(detail),
            ErrorKind::Cancelled => Self::conflict("cancelled", detail),
            _ => internal(detail),
        }
    }
}

/// What an error says with what lies beneath it.
fn words(error: &BackupError) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let said = cause.to_string();
        if !text.contains(&said) {
            text += &format!(": {said}");
        }
        below = cause.source();
    }
    text
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> Self {
        let detail = words(&error);
        match error.kind() {
            BackupErrorKind::NotFound => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            BackupErrorKind::Exists => Self::conflict("exists", detail),
            BackupErrorKind::Foreign | BackupErrorKind::Damaged | BackupErrorKind::Newer => {
                Self::conflict("backup_unusable", detail)
            }
            BackupErrorKind::InUse => Self::conflict("store_in_use", detail),
            BackupErrorKind::Erased => Self::conflict("erased", detail),
            BackupErrorKind::Unavailable => Self::unavailable("backup_unavailable", detail),
            BackupErrorKind::Store(kind) => of_store(kind, detail),
            _ => Self::invalid(detail),
        }
    }
}

fn of_store(kind: StoreErrorKind, detail: String) -> ApiError {
    match kind {
        StoreErrorKind::NotFound => ApiError::new(StatusCode::NOT_FOUND, "not_found", detail),
        StoreErrorKind::Invalid => ApiError::invalid(detail),
        StoreErrorKind::Exists => ApiError::conflict("exists", detail),
        StoreErrorKind::Held => ApiError::conflict("held", detail),
        StoreErrorKind::Busy => ApiError::conflict("thread_busy", detail),
        StoreErrorKind::Conflict | StoreErrorKind::Fenced => ApiError::conflict("conflict", detail),
        StoreErrorKind::QueueFull => ApiError::unavailable("queue_full", detail),
        StoreErrorKind::Unavailable => ApiError::unavailable("store_unavailable", detail),
        StoreErrorKind::Newer => ApiError::unavailable("store_newer", detail),
        _ => internal(detail),
    }
}

/// 500: logged here, because nobody else will.
fn internal(detail: String) -> ApiError {
    tracing::error!(operation = "request", outcome = "error", %detail, "internal error");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
}
