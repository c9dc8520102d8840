//! The id of a request: the caller's, when it gave one that is fit to be logged; otherwise one of ours.

use axum::http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use super::REQUEST_ID;
use super::redact::looks_secret;

/// Longest id that is taken from a caller, in bytes.
const MAX_BYTES: usize = 64;

/// The id of a request.
#[derive(Debug, Clone)]
pub(super) struct RequestId(String);

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let fit = given.filter(|id| is_fit(id));
        Self(fit.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("an id is made of visible ASCII")
    }
}

fn is_fit(id: &str) -> bool {
    let is_plain = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.'));
    is_plain && !id.is_empty() && id.len() <= MAX_BYTES && !looks_secret(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, given.parse().unwrap());
        RequestId::of(&headers).0
    }

    #[test]
    fn a_callers_id_is_kept_when_it_can_be_logged() {
        assert_eq!(of("req-1:a.b_C"), "req-1:a.b_C");
        let long = "x".repeat(65);
        for odd in ["", "a b", "a\"b", "evt_AAAAAAAA", long.as_str()] {
            assert_ne!(of(odd), odd);
            assert!(Uuid::parse_str(&of(odd)).is_ok());
        }
    }
}
