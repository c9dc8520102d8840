//! The graphs of a run: how each of them stands.

use std::collections::BTreeMap;

use everthread_graph::contract::Namespace;
use serde_json::{Value, json};

/// How a graph stands in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// A subgraph that runs.
    Started,
    /// The thread's own graph runs.
    Running,
    Completed,
    Failed,
    Interrupted,
}

impl Status {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Started | Self::Running)
    }
}

/// The graphs of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree(BTreeMap<Namespace, (Status, String)>);

impl Tree {
    /// Says how a graph stands.
    pub(super) fn set(&mut self, ns: &Namespace, status: Status, graph: &str) {
        self.0.insert(ns.clone(), (status, graph.to_owned()));
    }

    /// Whether it was heard of.
    pub(super) fn has(&self, ns: &Namespace) -> bool {
        self.0.contains_key(ns)
    }

    /// The graph's name, if it runs.
    pub(super) fn is_open(&self, ns: &Namespace) -> Option<String> {
        let (status, graph) = self.0.get(ns)?;
        status.is_open().then(|| graph.clone())
    }

    /// The subgraphs that run, the innermost first.
    pub(super) fn open(&self) -> Vec<(Namespace, String)> {
        let inside = self.0.iter().rev().filter(|(ns, _)| !ns.is_root());
        inside
            .filter(|(_, (status, _))| status.is_open())
            .map(|(ns, (_, graph))| (ns.clone(), graph.clone()))
            .collect()
    }

    /// `{"namespace": …, "status": …, "graph_name": …, "children": […]}`, from the thread's own graph on.
    pub(crate) fn json(&self) -> Value {
        self.node(&Namespace::root())
    }

    fn node(&self, ns: &Namespace) -> Value {
        let (status, graph) = match self.0.get(ns) {
            Some((status, graph)) => (status.name(), graph.as_str()),
            None => (Status::Running.name(), ""),
        };
        let parts: Vec<&str> = parts(ns);
        let below = self.0.keys().filter(|other| {
            let other = self::parts(other);
            other.len() == parts.len() + 1 && other.starts_with(&parts)
        });
        let children: Vec<Value> = below.map(|child| self.node(child)).collect();
        json!({"namespace": parts, "status": status, "graph_name": graph, "children": children})
    }
}

fn parts(ns: &Namespace) -> Vec<&str> {
    let parts = ns.as_str().split('|');
    parts.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_told_from_its_root() {
        let mut tree = Tree::default();
        tree.set(&Namespace::root(), Status::Running, "parent");
        tree.set(&Namespace::from_text("a:1"), Status::Completed, "a");
        tree.set(&Namespace::from_text("a:1|b:2"), Status::Started, "b");
        let told = tree.json();
        assert_eq!(told["graph_name"], "parent");
        assert_eq!(told["children"][0]["status"], "completed");
        let inner = &told["children"][0]["children"][0];
        assert_eq!(inner["namespace"], json!(["a:1", "b:2"]));
        assert_eq!(inner["children"], json!([]));
        let open = tree.open();
        assert_eq!(open, [(Namespace::from_text("a:1|b:2"), "b".to_owned())]);
    }
}
