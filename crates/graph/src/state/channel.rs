//! What a channel's rule is made of.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Step;
use crate::contract::{Change, ChannelValue};
use crate::error::{Error, ErrorKind};

/// What a value must be to lie in a channel.
pub trait Value: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Value for T {}

/// A channel as tools see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelInfo {
    /// The name: the field of the state.
    pub name: &'static str,
    /// How it takes updates.
    pub kind: ChannelKind,
    /// A JSON Schema of its value, as JSON text: what the name of the field's type tells, `{}` when it tells
    /// nothing.
    pub schema: &'static str,
    /// What the field's documentation says; empty for none.
    pub doc: &'static str,
}

/// How a channel takes updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChannelKind {
    /// The last value wins; one write a step.
    Last,
    /// A function folds each write into the value.
    Reducer,
    /// A list to which elements are appended.
    List,
    /// A list whose elements have ids.
    Keyed,
    /// The last value, for the next step only.
    Ephemeral,
    /// The last value, never stored.
    Untracked,
}

/// The rule of one channel. State derives call it; there is seldom a reason to implement it.
pub trait Channel {
    /// What tools are told.
    const KIND: ChannelKind;
    /// The field of the state.
    type Value;
    /// What an update holds for it.
    type Write: Clone + Send + Sync + 'static;

    /// Adds a later write of the same update to an earlier one.
    fn merge(earlier: &mut Self::Write, later: Self::Write);

    /// Gives ids to new elements that have none, so that the write reads the same wherever it is shown.
    fn prepare(_write: &mut Self::Write, _id: &mut dyn FnMut() -> String) {}

    /// Takes one write; `at` is the channel's place in the state.
    ///
    /// # Errors
    /// `InvalidUpdate`.
    fn apply(
        value: &mut Self::Value,
        write: Self::Write,
        step: &mut Step<'_>,
        at: (usize, &'static str),
    ) -> Result<(), Error>;

    /// Ends a step; the change is asked for only when `record` is set.
    ///
    /// # Errors
    /// When the value has no JSON form.
    fn settle(
        value: &mut Self::Value,
        base: &Self::Value,
        written: bool,
        record: bool,
    ) -> serde_json::Result<Option<Change>>;

    /// The value of what was stored; `None` when the channel is not kept.
    ///
    /// # Errors
    /// When it does not have the channel's form.
    fn load(stored: &ChannelValue) -> serde_json::Result<Option<Self::Value>>;

    /// The write that makes `value` of `base`; `None` when they are the same.
    fn diff(value: &Self::Value, base: &Self::Value) -> Option<Self::Write>;

    /// The value as JSON text; `None` when it is not shown.
    ///
    /// # Errors
    /// When it has no JSON form.
    fn show(value: &Self::Value) -> serde_json::Result<Option<String>>;

    /// A write as JSON text.
    ///
    /// # Errors
    /// When it has no JSON form.
    fn write_to_json(write: &Self::Write) -> serde_json::Result<String>;

    /// A write from JSON text.
    ///
    /// # Errors
    /// When it does not have the channel's form.
    fn write_from_json(json: &str) -> serde_json::Result<Self::Write>;
}

/// The error of a second write to a channel that takes one a step.
pub(super) fn written_twice(name: &str) -> Error {
    Error::new(
        ErrorKind::InvalidUpdate,
        format!(
            "channel {name:?} was written twice in one step and keeps one value; give the field a reducer \
             (#[state(reducer = ...)]) or let only one node of the step write it"
        ),
    )
}

/// Two values are the same when their JSON is.
pub(crate) fn same<T: Serialize>(a: &T, b: &T) -> bool {
    match (serde_json::to_string(a), serde_json::to_string(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Reads a plain channel.
pub(super) fn plain<T: DeserializeOwned>(stored: &ChannelValue) -> serde_json::Result<T> {
    match stored {
        ChannelValue::Value(json) => json.read(),
        ChannelValue::List(_) => Err(serde::de::Error::custom("a list is stored, not a value")),
    }
}
