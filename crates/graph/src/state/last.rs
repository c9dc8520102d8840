//! The plain field: the last value wins.

use std::marker::PhantomData;

use super::channel::{Channel, ChannelKind, Value, plain, same, written_twice};
use super::step::Step;
use crate::contract::{Change, ChannelValue, Json};
use crate::error::Error;

/// The rule of a plain field: it keeps the last value, and two writes in one step are an error.
#[derive(Debug)]
pub struct Last<T>(PhantomData<T>);

impl<T: Value> Channel for Last<T> {
    const KIND: ChannelKind = ChannelKind::Last;
    type Value = T;
    type Write = T;

    fn merge(earlier: &mut T, later: T) {
        *earlier = later;
    }

    fn apply(
        value: &mut T,
        write: T,
        step: &mut Step<'_>,
        (at, name): (usize, &'static str),
    ) -> Result<(), Error> {
        if !step.mark_written(at) {
            return Err(written_twice(name));
        }
        *value = write;
        Ok(())
    }

    fn settle(
        value: &mut T,
        base: &T,
        written: bool,
        record: bool,
    ) -> serde_json::Result<Option<Change>> {
        if written && record {
            set_if_changed(value, base)
        } else {
            Ok(None)
        }
    }

    fn load(stored: &ChannelValue) -> serde_json::Result<Option<T>> {
        plain(stored).map(Some)
    }

    fn diff(value: &T, base: &T) -> Option<T> {
        (!same(value, base)).then(|| value.clone())
    }

    fn show(value: &T) -> serde_json::Result<Option<String>> {
        serde_json::to_string(value).map(Some)
    }

    fn write_to_json(write: &T) -> serde_json::Result<String> {
        serde_json::to_string(write)
    }

    fn write_from_json(json: &str) -> serde_json::Result<T> {
        serde_json::from_str(json)
    }
}

/// The change to a plain value; nothing when it was set to what it was.
pub(super) fn set_if_changed<T: Value>(value: &T, base: &T) -> serde_json::Result<Option<Change>> {
    let new = serde_json::to_string(value)?;
    if new == serde_json::to_string(base)? {
        return Ok(None);
    }
    Ok(Some(Change::Set(Json::trusted(&new))))
}
