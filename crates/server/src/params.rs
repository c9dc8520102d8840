//! Paths and queries of a request, read forgivingly: clients of two languages spell a truth in three ways.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use everthread_graph::contract::{RunId, ThreadId};

use crate::app::App;
use crate::error::ApiError;

/// Most rows of one page.
pub(crate) const MAX_LIMIT: usize = 1_000;

/// The query of a request: names and values in order, a name as often as it was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequestParts<App> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// Every value of a name that says something.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The last value of a name.
    pub(crate) fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).last()
    }

    /// Whether a name is given as true: `true`, `1`, `yes` or `on`.
    ///
    /// # Errors
    /// 422 when it is neither true nor false.
    pub(crate) fn is_set(&self, name: &str) -> Result<bool, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(false);
        };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(ApiError::invalid(format!(
                "{name} must be true or false, not {value:?}"
            ))),
        }
    }

    /// A value of some type.
    ///
    /// # Errors
    /// 422 when it cannot be read.
    pub(crate) fn read<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let read = |value: &str| {
            let wrong = |error| ApiError::invalid(format!("{name}: {value:?}: {error}"));
            value.parse().map_err(wrong)
        };
        self.get(name).map(read).transpose()
    }

    /// `limit`, at most a thousand, and `offset`.
    ///
    /// # Errors
    /// 422 when one of them cannot be read or is out of bounds.
    pub(crate) fn page(&self, limit: usize) -> Result<(usize, usize), ApiError> {
        let limit = limited(self.read("limit")?, limit)?;
        Ok((limit, self.read("offset")?.unwrap_or(0)))
    }
}

/// A limit within bounds.
///
/// # Errors
/// 422 above a thousand.
pub(crate) fn limited(asked: Option<usize>, otherwise: usize) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(otherwise);
    if limit > MAX_LIMIT {
        return Err(ApiError::invalid(format!(
            "limit: {limit} is greater than the maximum of {MAX_LIMIT}"
        )));
    }
    Ok(limit)
}

/// The parameters of a path, by name.
pub(crate) struct Path(Vec<(String, String)>);

impl FromRequestParts<App> for Path {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::invalid("the path is not UTF-8"))?;
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Ok(Self(params.iter().map(own).collect()))
    }
}

impl Path {
    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// `{thread_id}`.
    ///
    /// # Errors
    /// 422 when it is no id.
    pub(crate) fn thread(&self) -> Result<ThreadId, ApiError> {
        thread_id(self.text("thread_id"))
    }

    /// `{run_id}`.
    ///
    /// # Errors
    /// 422 when it is no UUID.
    pub(crate) fn run(&self) -> Result<RunId, ApiError> {
        run_id(self.text("run_id"))
    }
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// A thread's id.
///
/// # Errors
/// 422 when it is no id.
pub(crate) fn thread_id(text: &str) -> Result<ThreadId, ApiError> {
    ThreadId::new(text).map_err(|error| ApiError::invalid(format!("Invalid thread ID: {error}")))
}

/// A run's id.
///
/// # Errors
/// 422 when it is no UUID.
pub(crate) fn run_id(text: &str) -> Result<RunId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid("Invalid run ID: must be a UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truths_are_read_as_both_clients_write_them() {
        let params = Params::parse("a=true&b=0&c=1&d=&e=maybe");
        assert_eq!(params.is_set("a").ok(), Some(true));
        assert_eq!(params.is_set("b").ok(), Some(false));
        assert_eq!(params.is_set("c").ok(), Some(true));
        assert_eq!(params.is_set("d").ok(), Some(false));
        assert!(params.is_set("e").is_err());
    }

    #[test]
    fn a_name_may_come_often_and_empty_ones_say_nothing() {
        let params = Params::parse("m=values&m=&m=up%20dates");
        assert_eq!(params.all("m").collect::<Vec<_>>(), ["values", "up dates"]);
        assert_eq!(params.page(10).ok(), Some((10, 0)));
        assert!(Params::parse("limit=5000").page(10).is_err());
        assert!(Params::parse("limit=-1").page(10).is_err());
    }
}
