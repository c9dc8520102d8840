//! The line itself.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::AnsweredCode;
use super::id::RequestId;
use super::redact::redact;
use crate::identity::Principal;

/// What is known of a request until its line is written.
#[derive(Debug)]
pub(super) struct Line {
    began: Instant,
    id: RequestId,
    operation: String,
    thread: Option<String>,
    run: Option<String>,
    user: Option<String>,
    status: StatusCode,
    code: Option<&'static str>,
}

impl Line {
    pub(super) fn new(
        began: Instant,
        id: RequestId,
        request: &Request,
        route: Option<&MatchedPath>,
    ) -> Self {
        let (pattern, path) = (route.map(MatchedPath::as_str), request.uri().path());
        let part = |name| pattern.and_then(|pattern| parameter(pattern, path, name));
        Self {
            began,
            id,
            operation: format!("{} {}", method(request), pattern.unwrap_or("unknown")),
            thread: part("{thread_id}"),
            run: part("{run_id}"),
            user: None,
            status: StatusCode::OK,
            code: None,
        }
    }

    pub(super) fn operation(&self) -> &str {
        &self.operation
    }

    /// Takes from the answer what it tells.
    pub(super) fn answered(&mut self, response: &Response) {
        self.status = response.status();
        let extensions = response.extensions();
        self.code = extensions.get::<AnsweredCode>().map(|code| code.0);
        let principal = extensions.get::<Principal>();
        let user = principal.and_then(|principal| principal.user.as_ref());
        self.user = user.map(|user| redact(user.as_str()).into_owned());
        let place = text(response, &header::CONTENT_LOCATION);
        let after = |mark: &str| {
            let rest = place?.split_once(mark)?.1;
            segment(rest.split('/').next()?)
        };
        self.thread = self.thread.take().or_else(|| after("/threads/"));
        self.run = self.run.take().or_else(|| after("/runs/"));
    }

    /// Writes the line of an answer that was given whole.
    pub(super) fn complete(self) {
        let outcome = match self.status.as_u16() {
            ..400 => "ok",
            400..500 => "refused",
            _ => "error",
        };
        self.write(outcome);
    }

    /// Writes the line of a stream that the caller left.
    pub(super) fn broken_off(self) {
        self.write("left");
    }

    fn write(self, outcome: &'static str) {
        let duration_ms = self.began.elapsed().as_micros() as f64 / 1000.0;
        let (user, thread, run) = (
            self.user.as_deref(),
            self.thread.as_deref(),
            self.run.as_deref(),
        );
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "everthread::request",
                    operation = self.operation,
                    user,
                    thread,
                    run,
                    duration_ms,
                    status = self.status.as_u16(),
                    outcome,
                    code = self.code,
                    request_id = self.id.as_str(),
                    "request"
                )
            };
        }
        if outcome == "error" {
            line!(warn);
        } else {
            line!(info);
        }
    }
}

/// The method, if it is one of those that anybody uses.
fn method(request: &Request) -> &str {
    match request.method().as_str() {
        known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known,
        _ => "OTHER",
    }
}

fn text<'r>(response: &'r Response, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

/// What stands in the path where the pattern has this parameter.
fn parameter(pattern: &str, path: &str, name: &str) -> Option<String> {
    let place = pattern.split('/').position(|part| part == name)?;
    segment(path.split('/').nth(place)?)
}

fn segment(part: &str) -> Option<String> {
    let text = percent_decode_str(part).decode_utf8().ok()?;
    Some(redact(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_their_place() {
        let pattern = "/threads/{thread_id}/runs/{run_id}/join";
        let path = "/threads/a%20b/runs/7/join";
        assert_eq!(parameter(pattern, path, "{thread_id}").unwrap(), "a b");
        assert_eq!(parameter(pattern, path, "{run_id}").unwrap(), "7");
        assert_eq!(parameter("/threads", path, "{run_id}"), None);
        let secret = "/threads/evt_abc/runs/7/join";
        let said = parameter(pattern, secret, "{thread_id}").unwrap();
        assert_eq!(said, "[redacted]");
    }
}
