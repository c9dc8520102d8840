//! What went wrong, in our words.

use std::time::Duration;

use futures::StreamExt;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::OpenAiModel;
use super::assembly::Assembly;
use crate::{ModelError, ModelErrorKind};

/// Bytes of a server's explanation that are read.
const MAX_EXPLANATION_BYTES: usize = 64 << 10;

/// Characters of a server's explanation that are passed on.
const MAX_EXPLANATION_CHARS: usize = 300;

/// The error of a request that got no answer.
pub(super) fn of_transport(model: &OpenAiModel, error: reqwest::Error) -> ModelError {
    let kind = if error.is_timeout() {
        ModelErrorKind::Timeout
    } else {
        ModelErrorKind::Unavailable
    };
    let what = if error.is_connect() {
        "cannot be reached"
    } else {
        "broke off"
    };
    let host = model.url.host_str().unwrap_or_default();
    // The URL may hold a password, so it is not repeated.
    model
        .error(kind)
        .detail(format!("{host} {what}"))
        .caused_by(error.without_url())
}

/// The error that an answer other than success stands for.
pub(super) async fn of_response(
    model: &OpenAiModel,
    response: Response,
    deadline: Instant,
) -> ModelError {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let body = timeout_at(deadline, read_body(response, MAX_EXPLANATION_BYTES)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    let error = serde_json::from_str::<Value>(&body).unwrap_or_default();
    let error = error.get("error").unwrap_or(&error);
    let kind = kind_of(status, error, model.config.window_tokens);
    let explanation = explain(model, error);
    let detail = if explanation.is_empty() {
        format!("HTTP {}", status.as_u16())
    } else {
        format!("HTTP {}, {explanation}", status.as_u16())
    };
    model.error(kind).detail(detail).after(retry_after)
}

/// The error that a server reports instead of more of the reply.
pub(super) fn in_stream(model: &OpenAiModel, error: &Value, assembly: &Assembly) -> ModelError {
    let status = error.get("code").and_then(Value::as_u64);
    let status = status.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    let status = status.unwrap_or(StatusCode::BAD_GATEWAY);
    let kind = kind_of(status, error, model.config.window_tokens);
    model
        .error(assembly.failure_kind(kind))
        .detail(explain(model, error))
}

fn kind_of(status: StatusCode, error: &Value, window: usize) -> ModelErrorKind {
    let says = |word: &str| {
        [&error["code"], &error["type"]]
            .into_iter()
            .any(|field| field == word)
    };
    if says("context_length_exceeded") || says("exceed_context_size_error") {
        return ModelErrorKind::ContextTooLong { needed: 0, window };
    }
    if says("insufficient_quota") {
        // Not a matter of waiting.
        return ModelErrorKind::Unauthorized;
    }
    match status.as_u16() {
        401 | 403 => ModelErrorKind::Unauthorized,
        404 => ModelErrorKind::UnknownModel,
        408 => ModelErrorKind::Timeout,
        429 => ModelErrorKind::RateLimited,
        400..=499 => ModelErrorKind::InvalidRequest,
        _ => ModelErrorKind::Unavailable,
    }
}

/// The server's own words, shortened, on one line, and without the key should it repeat that.
fn explain(model: &OpenAiModel, error: &Value) -> String {
    let said = error
        .as_str()
        .or_else(|| error["message"].as_str())
        .unwrap_or_default();
    let mut said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(key) = model
        .config
        .api_key
        .as_deref()
        .filter(|key| !key.is_empty())
    {
        said = said.replace(key, "…");
    }
    said.chars().take(MAX_EXPLANATION_CHARS).collect()
}

/// How long the server wants to be left alone: whole or broken seconds, or milliseconds in OpenAI's own header.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |value: &reqwest::header::HeaderValue| value.to_str().ok()?.trim().parse().ok();
    let milliseconds = headers.get("retry-after-ms").and_then(number);
    let seconds: Option<f64> = match milliseconds {
        Some(milliseconds) => Some(milliseconds / 1000.0),
        None => headers.get(RETRY_AFTER).and_then(number),
    };
    Duration::try_from_secs_f64(seconds?).ok()
}

/// The body of an answer, at most `limit` bytes of it.
pub(super) async fn read_body(response: Response, limit: usize) -> reqwest::Result<String> {
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while bytes.len() < limit
        && let Some(piece) = stream.next().await
    {
        bytes.extend_from_slice(&piece?);
    }
    bytes.truncate(limit);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
