//! The field with a function that folds each write into the value.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::channel::{Channel, ChannelKind, Value, plain, same};
use super::last::set_if_changed;
use super::list_json::overwrite_of;
use super::step::Step;
use crate::contract::{Change, ChannelValue};
use crate::error::{Error, ErrorKind};

/// A fold of new values into an old one. The derive makes a type of it for each `#[state(reducer = path)]`.
pub trait Reduce {
    /// The field's type.
    type Value: Value;
    /// The value after a write.
    fn reduce(old: Self::Value, new: Self::Value) -> Self::Value;
}

/// Replaces the value of a reducer or list channel instead of folding into it: one a step; what is written
/// beside it in the same step is dropped. Its JSON form is `{"__overwrite__": value}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwrite<T>(
    /// The value that the channel then has.
    pub T,
);

/// One write to a reducer channel.
#[derive(Debug, Clone)]
pub enum Reduced<T> {
    /// Fold this in.
    Fold(T),
    /// Take this instead.
    Overwrite(T),
}

impl<T> From<T> for Reduced<T> {
    fn from(value: T) -> Self {
        Self::Fold(value)
    }
}

impl<T> From<Overwrite<T>> for Reduced<T> {
    fn from(Overwrite(value): Overwrite<T>) -> Self {
        Self::Overwrite(value)
    }
}

/// The rule of a field with a reducer.
#[derive(Debug)]
pub struct Reducer<R>(PhantomData<R>);

impl<R: Reduce + 'static> Channel for Reducer<R> {
    const KIND: ChannelKind = ChannelKind::Reducer;
    type Value = R::Value;
    type Write = SmallVec<[Reduced<R::Value>; 1]>;

    fn merge(earlier: &mut Self::Write, later: Self::Write) {
        earlier.extend(later);
    }

    fn apply(
        value: &mut R::Value,
        write: Self::Write,
        step: &mut Step<'_>,
        (at, name): (usize, &'static str),
    ) -> Result<(), Error> {
        step.mark_written(at);
        for write in write {
            match write {
                Reduced::Overwrite(new) => {
                    if !step.mark_overwritten(at) {
                        return Err(Error::new(
                            ErrorKind::InvalidUpdate,
                            format!("channel {name:?} was overwritten twice in one step"),
                        ));
                    }
                    *value = new;
                }
                Reduced::Fold(new) if !step.is_overwritten(at) => {
                    *value = R::reduce(value.clone(), new);
                }
                Reduced::Fold(_) => {}
            }
        }
        Ok(())
    }

    fn settle(
        value: &mut R::Value,
        base: &R::Value,
        written: bool,
        record: bool,
    ) -> serde_json::Result<Option<Change>> {
        if written && record {
            set_if_changed(value, base)
        } else {
            Ok(None)
        }
    }

    fn load(stored: &ChannelValue) -> serde_json::Result<Option<R::Value>> {
        plain(stored).map(Some)
    }

    fn diff(value: &R::Value, base: &R::Value) -> Option<Self::Write> {
        (!same(value, base)).then(|| {
            let mut write = SmallVec::new();
            write.push(Reduced::Overwrite(value.clone()));
            write
        })
    }

    fn show(value: &R::Value) -> serde_json::Result<Option<String>> {
        serde_json::to_string(value).map(Some)
    }

    fn write_to_json(write: &Self::Write) -> serde_json::Result<String> {
        let one = |write: &Reduced<R::Value>| match write {
            Reduced::Fold(value) => serde_json::to_string(value),
            Reduced::Overwrite(value) => Ok(format!(
                r#"{{"__overwrite__":{}}}"#,
                serde_json::to_string(value)?
            )),
        };
        if let [only] = write.as_slice() {
            return one(only);
        }
        let all = write.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        Ok(format!(r#"{{"__writes__":[{}]}}"#, all.join(",")))
    }

    fn write_from_json(json: &str) -> serde_json::Result<Self::Write> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Several<'a> {
            #[serde(borrow)]
            __writes__: Vec<&'a serde_json::value::RawValue>,
        }
        if json.contains("__writes__")
            && let Ok(several) = serde_json::from_str::<Several<'_>>(json)
        {
            return several
                .__writes__
                .iter()
                .map(|one| read_one(one.get()))
                .collect();
        }
        Ok(std::iter::once(read_one(json)?).collect())
    }
}

fn read_one<T: Value>(json: &str) -> serde_json::Result<Reduced<T>> {
    match overwrite_of(json) {
        Some(value) => serde_json::from_str(value).map(Reduced::Overwrite),
        None => serde_json::from_str(json).map(Reduced::Fold),
    }
}
