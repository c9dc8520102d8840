//! The field whose value lasts for one step.

use std::marker::PhantomData;

use super::channel::{Channel, ChannelKind, Value, plain, same, written_twice};
use super::step::Step;
use crate::contract::{Change, ChannelValue, Json};
use crate::error::Error;

/// The rule of `#[state(ephemeral)]`: the value is seen by the step after the one that wrote it, then it is the
/// default again.
#[derive(Debug)]
pub struct Ephemeral<T>(PhantomData<T>);

impl<T: Value + Default> Channel for Ephemeral<T> {
    const KIND: ChannelKind = ChannelKind::Ephemeral;
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
        if !written {
            *value = T::default();
        }
        if !record {
            return Ok(None);
        }
        let new = serde_json::to_string(value)?;
        if new == serde_json::to_string(base)? {
            return Ok(None);
        }
        Ok(Some(if written {
            Change::Set(Json::trusted(&new))
        } else {
            Change::Clear
        }))
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
