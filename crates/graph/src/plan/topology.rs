//! The shape of a graph as the planner sees it: names and edges, no code.

use std::sync::Arc;

use crate::command::START;

/// A node, by its place in the order of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeRef(pub(crate) usize);

/// An edge from several nodes at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Join {
    /// Sorted, each once.
    pub(crate) sources: Vec<NodeRef>,
    pub(crate) target: NodeRef,
}

/// The shape of a graph.
#[derive(Debug, Clone)]
pub(crate) struct Topology {
    names: Vec<Arc<str>>,
    deferred: Vec<bool>,
    start: Vec<NodeRef>,
    edges: Vec<Vec<NodeRef>>,
    joins: Vec<Join>,
    joins_of: Vec<Vec<usize>>,
    start_name: Arc<str>,
}

impl Topology {
    /// A graph of these nodes (name and whether deferred), which must be sorted by name.
    pub(crate) fn new(nodes: impl IntoIterator<Item = (Arc<str>, bool)>) -> Self {
        let (names, deferred): (Vec<_>, Vec<_>) = nodes.into_iter().unzip();
        let count = names.len();
        Self {
            names,
            deferred,
            start: Vec::new(),
            edges: vec![Vec::new(); count],
            joins: Vec::new(),
            joins_of: vec![Vec::new(); count],
            start_name: START.into(),
        }
    }

    pub(crate) fn add_edge(&mut self, from: Option<NodeRef>, to: NodeRef) {
        match from {
            None => self.start.push(to),
            Some(from) => self.edges[from.0].push(to),
        }
    }

    pub(crate) fn add_join(&mut self, mut sources: Vec<NodeRef>, target: NodeRef) {
        sources.sort_unstable();
        sources.dedup();
        for source in &sources {
            self.joins_of[source.0].push(self.joins.len());
        }
        self.joins.push(Join { sources, target });
    }

    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.names.iter()
    }

    pub(crate) fn name(&self, node: NodeRef) -> &Arc<str> {
        &self.names[node.0]
    }

    pub(crate) fn find(&self, name: &str) -> Option<NodeRef> {
        self.names
            .binary_search_by(|known| (**known).cmp(name))
            .ok()
            .map(NodeRef)
    }

    pub(crate) fn edges(&self, from: Option<NodeRef>) -> &[NodeRef] {
        match from {
            None => &self.start,
            Some(from) => &self.edges[from.0],
        }
    }

    pub(crate) fn is_deferred(&self, node: NodeRef) -> bool {
        self.deferred[node.0]
    }

    pub(crate) fn joins_of(&self, source: NodeRef) -> &[usize] {
        &self.joins_of[source.0]
    }

    pub(crate) fn join(&self, at: usize) -> &Join {
        &self.joins[at]
    }

    pub(crate) fn joins(&self) -> &[Join] {
        &self.joins
    }

    /// A join's name at rest, as LangGraph names its channel.
    pub(crate) fn join_name(&self, at: usize) -> String {
        let join = &self.joins[at];
        let sources: Vec<&str> = join
            .sources
            .iter()
            .map(|node| &**self.name(*node))
            .collect();
        format!("{}:{}", sources.join("+"), self.name(join.target))
    }

    pub(crate) fn start_name(&self) -> Arc<str> {
        self.start_name.clone()
    }
}
