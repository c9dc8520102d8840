//! What a request shows to say who calls.

use axum::http::{HeaderMap, StatusCode, header};
use everthread_graph::contract::UserId;

use super::key::{KeyText, PREFIX};
use crate::error::ApiError;

/// The header of the LangGraph clients for a key.
pub(crate) const KEY_HEADER: &str = "x-api-key";
/// The header by which a caller with the role `service` or `admin` names a user.
pub(crate) const USER_HEADER: &str = "x-everthread-user";

/// What was shown.
#[derive(Debug)]
pub(crate) enum Credential {
    /// A key of ours, by its form.
    Key(KeyText),
    /// Something that begins like a key of ours and is none.
    Malformed,
    /// Anything else that was borne: perhaps a token.
    Bearer(String),
    /// Nothing that could be ours.
    Nothing,
}

impl Credential {
    /// Reads `X-Api-Key` and `Authorization: Bearer`. A key of ours counts wherever it stands; clients send keys of
    /// other services in the first header on their own, and those count for nothing.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let key = headers
            .get(KEY_HEADER)
            .and_then(|value| value.to_str().ok());
        let borne = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(bearer);
        for text in [key, borne].into_iter().flatten().map(str::trim) {
            if text.starts_with(PREFIX) {
                return KeyText::parse(text).map_or(Self::Malformed, Self::Key);
            }
        }
        borne.map_or(Self::Nothing, |token| Self::Bearer(token.to_owned()))
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The user that the request names in `X-Everthread-User`, as UTF-8.
///
/// # Errors
/// `user_invalid` when the header holds no user id, or there are two of them.
pub(crate) fn named_user(headers: &HeaderMap) -> Result<Option<UserId>, ApiError> {
    let wrong = |why: String| {
        let detail = format!("the header X-Everthread-User names no user: {why}");
        ApiError::new(StatusCode::BAD_REQUEST, "user_invalid", detail)
    };
    let mut values = headers.get_all(USER_HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(wrong("it is there twice".to_owned()));
    }
    let text =
        std::str::from_utf8(value.as_bytes()).map_err(|_| wrong("it is not UTF-8".into()))?;
    let user = UserId::new(text).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn a_key_counts_in_either_header() {
        let key = KeyText::generate();
        let borne = format!("bearer {}", key.reveal());
        for shown in [
            ("x-api-key", key.reveal()),
            ("authorization", borne.as_str()),
        ] {
            let found = Credential::of(&headers(&[shown]));
            assert!(matches!(found, Credential::Key(found) if found == key));
        }
    }

    #[test]
    fn a_key_of_another_service_does_not_hide_a_token() {
        let shown = [
            ("x-api-key", "lsv2_other"),
            ("authorization", "Bearer a.b.c"),
        ];
        assert!(matches!(Credential::of(&headers(&shown)), Credential::Bearer(t) if t == "a.b.c"));
        assert!(matches!(
            Credential::of(&headers(&shown[..1])),
            Credential::Nothing
        ));
    }

    #[test]
    fn a_damaged_key_is_no_token() {
        let shown = [("x-api-key", "evt_short")];
        assert!(matches!(
            Credential::of(&headers(&shown)),
            Credential::Malformed
        ));
    }

    #[test]
    fn the_named_user_is_one_utf8_id() {
        let mut map = HeaderMap::new();
        map.insert(USER_HEADER, "Zoë".as_bytes().try_into().unwrap());
        assert_eq!(named_user(&map).unwrap().unwrap().as_str(), "Zoë");
        map.append(USER_HEADER, "bob".parse().unwrap());
        assert_eq!(named_user(&map).unwrap_err().code(), "user_invalid");
        map.insert(USER_HEADER, [0xff].as_slice().try_into().unwrap());
        assert_eq!(named_user(&map).unwrap_err().code(), "user_invalid");
    }
}
