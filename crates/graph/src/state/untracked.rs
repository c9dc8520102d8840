//! The field that is never stored.

use std::marker::PhantomData;

use super::channel::{Channel, ChannelKind, Value, same, written_twice};
use super::step::Step;
use crate::contract::{Change, ChannelValue};
use crate::error::Error;

/// The rule of `#[state(untracked)]`: the last value, within one run; it is in no checkpoint.
#[derive(Debug)]
pub struct Untracked<T>(PhantomData<T>);

impl<T: Value + Default> Channel for Untracked<T> {
    const KIND: ChannelKind = ChannelKind::Untracked;
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

    fn settle(_: &mut T, _: &T, _: bool, _: bool) -> serde_json::Result<Option<Change>> {
        Ok(None)
    }

    fn load(_: &ChannelValue) -> serde_json::Result<Option<T>> {
        Ok(None)
    }

    fn diff(value: &T, base: &T) -> Option<T> {
        (!same(value, base)).then(|| value.clone())
    }

    fn show(_: &T) -> serde_json::Result<Option<String>> {
        Ok(None)
    }

    fn write_to_json(write: &T) -> serde_json::Result<String> {
        serde_json::to_string(write)
    }

    fn write_from_json(json: &str) -> serde_json::Result<T> {
        serde_json::from_str(json)
    }
}
