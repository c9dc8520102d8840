//! The planner: which tasks come next. Pure; it has no I/O, no clock and no randomness.
//!
//! The rules are LangGraph's: tasks of `SendTo` come first in the order in which they were sent, then nodes by
//! name, each once; a join fires when all its sources have run since it last fired; deferred nodes wait until
//! nothing else is left. What LangGraph finds out from versions of channels is written down here as it is.

mod json;
mod topology;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::contract::{CheckpointId, Json};

pub(crate) use topology::{NodeRef, Topology};

/// What comes after a checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan {
    /// The tasks of the next step, in order.
    pub(crate) next: Vec<Planned>,
    /// For joins that have not fired: which sources have run.
    pub(crate) joins: BTreeMap<usize, BTreeSet<NodeRef>>,
    /// Deferred nodes that were triggered and wait.
    pub(crate) deferred: BTreeSet<NodeRef>,
    /// Who wrote the checkpoint: the nodes of the step, or the start.
    pub(crate) writers: Vec<Arc<str>>,
    /// The checkpoint that ids of tasks follow from, when it is an earlier one than the plan's own.
    pub(crate) anchor: Option<CheckpointId>,
    /// Nodes that a stored plan names and this graph does not have.
    pub(crate) unknown: Vec<String>,
}

/// A task to come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Planned {
    /// A task of its own, with an argument.
    Push { node: NodeRef, arg: Json },
    /// A node that was triggered.
    Pull { node: NodeRef },
}

impl Planned {
    pub(crate) fn node(&self) -> NodeRef {
        match self {
            Self::Push { node, .. } | Self::Pull { node } => *node,
        }
    }
}

/// Where a finished task leads, beside its edges.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    Node(NodeRef),
    Push(NodeRef, Json),
    End,
}

/// What the planner must know of a task that has finished.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// The node; `None` for the start.
    pub(crate) node: Option<NodeRef>,
    pub(crate) targets: Vec<Target>,
}

impl Plan {
    /// The plan of a new input: pending tasks are discarded, joins and deferred nodes stay.
    pub(crate) fn start(&self, topology: &Topology, targets: Vec<Target>) -> Self {
        let mut plan = self.advance(
            topology,
            &[Finished {
                node: None,
                targets,
            }],
        );
        plan.writers = vec![topology.start_name()];
        plan
    }

    /// The plan after a step whose tasks (in the order of their paths) have finished.
    pub(crate) fn advance(&self, topology: &Topology, finished: &[Finished]) -> Self {
        let mut next = Plan {
            next: Vec::new(),
            joins: self.joins.clone(),
            deferred: self.deferred.clone(),
            writers: Vec::with_capacity(finished.len()),
            anchor: None,
            unknown: Vec::new(),
        };
        let mut triggered = BTreeSet::new();
        for done in finished {
            next.note_writer(topology, done.node);
            for &node in topology.edges(done.node) {
                next.trigger(topology, node, &mut triggered);
            }
            if let Some(source) = done.node {
                next.see(topology, source, &mut triggered);
            }
            for target in &done.targets {
                match target {
                    Target::Node(node) => next.trigger(topology, *node, &mut triggered),
                    Target::Push(node, arg) => next.next.push(Planned::Push {
                        node: *node,
                        arg: arg.clone(),
                    }),
                    Target::End => {}
                }
            }
        }
        if next.next.is_empty() && triggered.is_empty() {
            triggered = std::mem::take(&mut next.deferred);
        }
        next.next
            .extend(triggered.into_iter().map(|node| Planned::Pull { node }));
        next
    }

    /// The plan with more tasks behind those that are planned, which keep their places: their ids follow from
    /// them.
    pub(crate) fn go(mut self, targets: Vec<Target>) -> Self {
        let mut pulls = BTreeSet::new();
        for target in targets {
            match target {
                Target::Node(node) => {
                    pulls.insert(node);
                }
                Target::Push(node, arg) => self.next.push(Planned::Push { node, arg }),
                Target::End => {}
            }
        }
        for node in pulls {
            if !self.next.contains(&Planned::Pull { node }) {
                self.next.push(Planned::Pull { node });
            }
        }
        self
    }

    /// The plan in which nothing is left to do: pending tasks count as done.
    pub(crate) fn finished(&self, topology: &Topology) -> Self {
        let mut plan = Self::default();
        for task in &self.next {
            plan.note_writer(topology, Some(task.node()));
        }
        if plan.writers.is_empty() {
            plan.writers.clone_from(&self.writers);
        }
        plan
    }

    fn note_writer(&mut self, topology: &Topology, node: Option<NodeRef>) {
        if let Some(node) = node {
            let name = topology.name(node);
            if !self.writers.contains(name) {
                self.writers.push(name.clone());
            }
        }
    }

    fn trigger(&mut self, topology: &Topology, node: NodeRef, triggered: &mut BTreeSet<NodeRef>) {
        if topology.is_deferred(node) {
            self.deferred.insert(node);
        } else {
            triggered.insert(node);
        }
    }

    fn see(&mut self, topology: &Topology, source: NodeRef, triggered: &mut BTreeSet<NodeRef>) {
        for &at in topology.joins_of(source) {
            let join = topology.join(at);
            let seen = self.joins.entry(at).or_default();
            seen.insert(source);
            if seen.len() == join.sources.len() {
                self.joins.remove(&at);
                self.trigger(topology, join.target, triggered);
            }
        }
    }
}

#[cfg(test)]
mod tests;
