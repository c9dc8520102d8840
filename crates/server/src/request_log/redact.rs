//! Secrets that callers put where none belongs must not be logged.

use std::borrow::Cow;

/// How keys of ours and of others begin, and the first bytes of every token (`{"` in base64).
const SECRETS: [&str; 7] = ["evt_", "eyJ", "sk-", "lsv2_", "ghp_", "Bearer ", "bearer "];
/// A run of letters and digits of this length is no word and no UUID.
const LONG: usize = 40;

/// Whether a text holds what looks like a key or a token.
pub(super) fn looks_secret(text: &str) -> bool {
    let has_long_run = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|run| run.len() >= LONG);
    has_long_run || SECRETS.iter().any(|begin| text.contains(begin))
}

/// The text, or a sign that it was not fit to be logged.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    if looks_secret(text) {
        Cow::Borrowed("[redacted]")
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_are_seen_and_ids_are_not_taken_for_them() {
        for secret in [
            "evt_abc",
            "xevt_abc",
            "eyJhbGciOi.x.y",
            "sk-1",
            "0123456789012345678901234567890123456789",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
        for plain in [
            "anna",
            "main",
            "01a2047f-15df-7573-8c45-1fe220b10946",
            "a b",
        ] {
            assert_eq!(redact(plain), plain);
        }
    }
}
