//! What is kept with a run for its life, as JSON in its row: what was asked for, so that it can be shown, and gone on
//! with by another process.

use everthread_graph::contract::Json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::protocol::Commanded;
use crate::wire::{ConfigBody, DurabilityName, OnDisconnect};

/// Longest input that is kept with a run to be shown, in bytes. The messages themselves are in the thread.
const MAX_SHOWN_INPUT: usize = 4 << 10;

/// What was asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    /// The assistant, a UUID.
    pub(crate) assistant: String,
    /// What was called with, when it is short enough to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<ConfigBody>,
    /// What nodes read: the assistant's context with the run's upon it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) context: Map<String, Value>,
    pub(crate) modes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) before: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) after: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feedback_keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) subgraphs: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) resumable: bool,
    /// Whether the thread is deleted when the run has ended.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) temporary: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) durability: DurabilityName,
    /// What a request of another protocol said of itself, to be told when it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) on_disconnect: OnDisconnect,
    /// Set when a command of the thread protocol began it: it is told to those who follow its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commanded: Option<Commanded>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Kept {
    /// What is kept with a run; of a run that somebody else began, nothing is known.
    pub(crate) fn read(details: Option<&Json>) -> Option<Self> {
        details.and_then(|details| details.read().ok())
    }

    /// As it is kept.
    pub(crate) fn to_json(&self) -> Json {
        Json::of(self).unwrap_or_else(|_| Json::trusted("{}"))
    }

    /// An input, unless it is too long to be shown.
    pub(crate) fn shown(input: Option<&RawValue>) -> Option<Box<RawValue>> {
        input
            .filter(|input| input.get().len() <= MAX_SHOWN_INPUT)
            .map(ToOwned::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_defaults_take_no_room() {
        let kept = Kept {
            assistant: "a".to_owned(),
            input: Kept::shown(Some(
                &RawValue::from_string("{\"x\":1}".to_owned()).expect("JSON"),
            )),
            modes: vec!["values".to_owned()],
            resumable: true,
            ..Kept::default()
        };
        let json = kept.to_json();
        assert_eq!(
            json.as_str(),
            r#"{"assistant":"a","input":{"x":1},"modes":["values"],"resumable":true}"#
        );
        let back = Kept::read(Some(&json)).expect("kept");
        assert!(back.resumable && !back.temporary);
        assert!(Kept::read(None).is_none());
    }
}
