//! What a checkpoint of LangGraph says: its state, and what is said of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use everthread_graph::contract::Source;
use everthread_store::langgraph::StoredCheckpoint;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::form;
use super::loss::{Losses, Unreadable};

/// The newest format that is known.
const NEWEST: u64 = 4;

/// What LangGraph itself says of a checkpoint; everything else is its user's.
const OWN_METADATA: &[&str] = &[
    "source",
    "step",
    "parents",
    "writes",
    "score",
    "thread_id",
    "checkpoint_id",
    "checkpoint_ns",
    "checkpoint_map",
    "counters_since_delta_snapshot",
];

/// The longest metadata that are kept with a checkpoint, in bytes.
const MAX_METADATA: usize = 64 * 1024;

/// A checkpoint that can be read.
pub(super) struct Body {
    text: String,
}

/// What is in it.
#[derive(Deserialize)]
pub(super) struct State<'a> {
    #[serde(default)]
    v: u64,
    #[serde(borrow, default)]
    ts: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) channel_values: BTreeMap<Cow<'a, str>, &'a RawValue>,
    #[serde(borrow, default)]
    channel_versions: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// What is said of a checkpoint.
#[derive(Default)]
pub(super) struct Metadata {
    pub(super) source: Option<Source>,
    pub(super) step: Option<i64>,
    /// What its user added.
    pub(super) more: Map<String, Value>,
}

impl Body {
    pub(super) fn of(stored: &StoredCheckpoint, losses: &mut Losses) -> Result<Self, Unreadable> {
        match form::to_json(&stored.body, losses)? {
            Some(text) => Ok(Self { text }),
            None => Err("it is empty".to_owned()),
        }
    }

    pub(super) fn state(&self) -> Result<State<'_>, Unreadable> {
        let state: State<'_> =
            serde_json::from_str(&self.text).map_err(|_| "it is no checkpoint".to_owned())?;
        if state.v > NEWEST {
            return Err(format!(
                "it has format {} and this version knows formats up to {NEWEST}",
                state.v
            ));
        }
        Ok(state)
    }
}

impl State<'_> {
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub(super) fn at_ms(&self) -> Option<i64> {
        let at: Timestamp = self.ts.as_deref()?.parse().ok()?;
        Some(at.as_millisecond().max(0))
    }

    /// Whether the channel had a value at this checkpoint that is not in it: its changes are kept elsewhere.
    pub(super) fn keeps_apart(&self, channel: &str) -> bool {
        !self.channel_values.contains_key(channel)
            && self
                .channel_versions
                .get(channel)
                .is_some_and(|version| !matches!(version.get(), "null" | "\"\"" | "0"))
    }

    /// Whether a task was to run next. Channels that make tasks run are empty once a run has come to rest.
    pub(super) fn is_in_the_middle(&self) -> bool {
        self.channel_values.keys().any(|name| {
            name == "__start__" || name.starts_with("start:") || name.starts_with("branch:")
        })
    }
}

impl Metadata {
    /// Metadata that cannot be read say nothing.
    pub(super) fn of(stored: &StoredCheckpoint) -> Self {
        let Some(bytes) = &stored.metadata else {
            return Self::default();
        };
        let text = form::from_text(bytes, &mut Losses::default()).unwrap_or_default();
        let Ok(mut more) = serde_json::from_str::<Map<String, Value>>(&text) else {
            return Self::default();
        };
        let source = more.get("source").and_then(Value::as_str);
        let source = source.and_then(Source::from_name);
        let step = more.get("step").and_then(Value::as_i64);
        more.retain(|name, _| !OWN_METADATA.contains(&name.as_str()));
        if Value::from(more.clone()).to_string().len() > MAX_METADATA {
            more.clear();
        }
        Self { source, step, more }
    }
}

/// A channel by which LangGraph steers, rather than one of the state. The first generations kept the names of nodes as
/// their values.
pub(super) fn is_steering(name: &str, value: &RawValue) -> bool {
    name.starts_with("__")
        || ["branch:", "start:", "join:"]
            .iter()
            .any(|start| name.starts_with(start))
        || serde_json::from_str::<Cow<'_, str>>(value.get()).is_ok_and(|text| text == name)
}
