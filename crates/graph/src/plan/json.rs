//! The plan at rest.
//!
//! `{"sends":[{"node":"joke","arg":1}],"next":["chat"],"joins":{"a+b:c":["a"]},"deferred":["d"],"writers":["chat"],
//! "anchor":"…"}`, empty parts left out. Names, not numbers: a graph may gain nodes between two runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Plan, Planned, Topology};
use crate::contract::{CheckpointId, Json};
use crate::error::{Error, ErrorKind};

#[derive(Serialize, Deserialize)]
struct Form {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sends: Vec<Sent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    next: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    joins: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deferred: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    writers: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchor: Option<CheckpointId>,
}

#[derive(Serialize, Deserialize)]
struct Sent {
    node: String,
    arg: Box<RawValue>,
}

impl Plan {
    pub(crate) fn to_json(&self, topology: &Topology) -> Result<Json, Error> {
        let name = |node| topology.name(node).to_string();
        let (mut sends, mut next) = (Vec::new(), Vec::new());
        for task in &self.next {
            match task {
                Planned::Pull { node } => next.push(name(*node)),
                Planned::Push { node, arg } => sends.push(Sent {
                    node: name(*node),
                    arg: RawValue::from_string(arg.as_str().to_owned()).map_err(corrupt)?,
                }),
            }
        }
        let form = Form {
            sends,
            next,
            joins: self
                .joins
                .iter()
                .map(|(at, seen)| {
                    let seen = seen.iter().map(|node| name(*node)).collect();
                    (topology.join_name(*at), seen)
                })
                .collect(),
            deferred: self.deferred.iter().map(|node| name(*node)).collect(),
            writers: self.writers.clone(),
            anchor: self.anchor,
        };
        Json::of(&form).map_err(corrupt)
    }

    /// Reads a plan. Joins and deferred nodes that the graph no longer has are dropped; tasks of unknown nodes
    /// are named in [`Plan::unknown`].
    pub(crate) fn from_json(topology: &Topology, json: &Json) -> Result<Self, Error> {
        let form: Form = serde_json::from_str(json.as_str()).map_err(corrupt)?;
        let mut plan = Self {
            writers: form.writers,
            anchor: form.anchor,
            ..Self::default()
        };
        for Sent { node, arg } in form.sends {
            let arg = Json::trusted(arg.get());
            match topology.find(&node) {
                Some(node) => plan.next.push(Planned::Push { node, arg }),
                None => plan.unknown.push(node),
            }
        }
        for name in form.next {
            match topology.find(&name) {
                Some(node) => plan.next.push(Planned::Pull { node }),
                None => plan.unknown.push(name),
            }
        }
        for at in 0..topology.joins().len() {
            if let Some(seen) = form.joins.get(&topology.join_name(at)) {
                let seen = seen.iter().filter_map(|name| topology.find(name));
                plan.joins.insert(at, seen.collect());
            }
        }
        let deferred = form.deferred.iter().filter_map(|name| topology.find(name));
        plan.deferred = deferred.collect();
        Ok(plan)
    }
}

fn corrupt(error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the plan of a checkpoint cannot be read: {error}"),
    )
    .with_source(error)
}
