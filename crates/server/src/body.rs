//! The body of a request as JSON, whatever its content type says.

mod plain;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Principal;

/// Deepest nesting of arrays and objects that is read.
const MAX_DEPTH: usize = 100;

/// A JSON body. An empty one reads as `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let caller = request.extensions().get::<Principal>().cloned();
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| unread(&rejection))?;
        if let Some(caller) = caller {
            app.front.limits.check_size(&caller, bytes.len())?;
        }
        read(&bytes).map(Self)
    }
}

/// A body that could not be read to its end.
fn unread(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "the body of the request is longer than this server takes",
        );
    }
    ApiError::bad_request("the body of the request ended early")
}

/// Reads JSON.
///
/// # Errors
/// 422 when it is not UTF-8, not JSON, nested too deeply or of another shape.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| invalid_json("Invalid JSON in request body: it is not UTF-8"))?;
    if is_deep(text) {
        let detail = format!("Invalid JSON in request body: nested deeper than {MAX_DEPTH}");
        return Err(invalid_json(detail));
    }
    let text = if text.trim().is_empty() { "{}" } else { text };
    plain::read(text).map_err(|error| {
        if error.is_data() {
            ApiError::invalid(format!("Invalid request body: {}", plain::words(&error)))
        } else {
            invalid_json(format!("Invalid JSON in request body: {error}"))
        }
    })
}

fn invalid_json(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_json", detail)
}

/// Whether arrays and objects are nested deeper than allowed, found without building anything.
fn is_deep(text: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_empty_body_is_an_empty_object() {
        assert_eq!(read::<Value>(b" \n").ok(), Some(json!({})));
    }

    #[derive(Debug, Deserialize)]
    struct Made {
        #[expect(dead_code, reason = "only reading it matters")]
        thread_id: Option<String>,
        limit: Option<usize>,
    }

    #[test]
    fn an_array_is_no_object_and_errors_speak_of_json() {
        let made: Made = read(br#"{"limit": 3}"#).expect("an object");
        assert_eq!(made.limit, Some(3));
        let error = read::<Made>(br#"["t9", 3]"#).expect_err("an array");
        assert!(error.detail().contains("expected an object"), "{error}");
        let error = read::<Made>(br#"{"limit": "x"}"#).expect_err("a text");
        assert!(error.detail().contains("a whole number from 0"), "{error}");
        assert!(read::<Vec<Made>>(br#"[{"limit": 1}]"#).is_ok());
        assert!(read::<Option<Made>>(b"null").is_ok_and(|none| none.is_none()));
    }

    #[test]
    fn depth_is_counted_outside_of_texts() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read::<Value>(deep(100).as_bytes()).is_ok());
        let error = read::<Value>(deep(101).as_bytes()).expect_err("too deep");
        assert_eq!(error.code(), "invalid_json");
        let text = format!(r#"["{}\"{}"]"#, "[".repeat(200), "{".repeat(200));
        assert!(read::<Value>(text.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_utf8_or_no_json_is_refused() {
        for bytes in [b"\"\xff\"".as_slice(), b"{bad", b"[1,]"] {
            let error = read::<Value>(bytes).expect_err("not JSON");
            assert_eq!(error.status(), StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}
