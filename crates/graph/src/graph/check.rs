//! What a graph must fulfil before it runs, and its shape for the planner.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{CompiledGraph, StateGraph};
use crate::command::{END, START};
use crate::contract::Checkpointer;
use crate::error::{Error, ErrorKind, did_you_mean};
use crate::plan::Topology;
use crate::state::State;

/// Characters that namespaces of subgraphs are made with.
const RESERVED: [char; 2] = ['|', ':'];

pub(super) fn compile<S: State>(
    mut graph: StateGraph<S>,
    checkpointer: Option<Arc<dyn Checkpointer>>,
) -> Result<CompiledGraph<S>, Error> {
    graph.nodes.sort_by(|a, b| a.name.cmp(&b.name));
    let problems = Check::of(&graph).run();
    if !problems.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidGraph,
            format!(
                "graph {:?} cannot be compiled: {}",
                graph.name,
                problems.join("; and ")
            ),
        ));
    }
    let topology = topology(&graph);
    Ok(CompiledGraph::new(graph, topology, checkpointer))
}

fn topology<S: State>(graph: &StateGraph<S>) -> Topology {
    let nodes = graph.nodes.iter();
    let mut topology = Topology::new(nodes.map(|node| (node.name.clone(), node.options.defer)));
    for (from, to) in &graph.edges {
        let Some(to) = topology.find(to) else {
            continue; // END
        };
        match from.as_slice() {
            [only] => topology.add_edge(topology.find(only), to),
            several => {
                let sources = several
                    .iter()
                    .filter_map(|name| topology.find(name))
                    .collect();
                topology.add_join(sources, to);
            }
        }
    }
    topology
}

struct Check<'a, S: State> {
    graph: &'a StateGraph<S>,
    names: Vec<&'a str>,
    problems: Vec<String>,
}

impl<'a, S: State> Check<'a, S> {
    fn of(graph: &'a StateGraph<S>) -> Self {
        Self {
            names: graph.nodes.iter().map(|node| &*node.name).collect(),
            graph,
            problems: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<String> {
        self.node_names();
        self.edges();
        self.routes();
        self.named_nodes();
        if self.problems.is_empty() {
            self.reachable();
        }
        self.problems
    }

    fn node_names(&mut self) {
        let mut seen = BTreeSet::new();
        for name in self.names.clone() {
            if !seen.insert(name) {
                self.problems
                    .push(format!("there are two nodes named {name:?}"));
            }
            if name.is_empty() || name == START || name == END {
                self.problems
                    .push(format!("{name:?} cannot be the name of a node"));
            }
            if name.contains(RESERVED) || name.chars().any(char::is_control) {
                self.problems.push(format!(
                    "the node name {name:?} holds a reserved character (':', '|' or a control character)"
                ));
            }
        }
    }

    fn known(&mut self, name: &str, what: &str) {
        if !self.names.contains(&name) {
            let hint = did_you_mean(name, self.names.iter().copied());
            self.problems
                .push(format!("{what} names the unknown node {name:?}{hint}"));
        }
    }

    fn edges(&mut self) {
        let graph = self.graph;
        let start = graph
            .edges
            .iter()
            .any(|(from, _)| from.iter().any(|name| name == START));
        if !start && !graph.routes.iter().any(|route| route.from == START) {
            self.problems
                .push("there is no edge from START; add .edge(START, \"first node\")".to_owned());
        }
        for (from, to) in &graph.edges {
            let what = format!("the edge {} -> {to}", from.join("+"));
            if from.is_empty() {
                self.problems.push(format!("{what} begins nowhere"));
            }
            for name in from {
                if name == END {
                    self.problems
                        .push(format!("{what} begins at END, where nothing follows"));
                } else if name == START && from.len() > 1 {
                    self.problems
                        .push(format!("{what} joins START, which every run passes anyway"));
                } else if name != START {
                    self.known(name, &what);
                }
            }
            self.target(to, &what);
        }
    }

    fn target(&mut self, to: &str, what: &str) {
        if to == START {
            self.problems
                .push(format!("{what} leads to START, where only a run begins"));
        } else if to != END {
            self.known(to, what);
        }
    }

    fn routes(&mut self) {
        for route in &self.graph.routes {
            let what = format!("the route after {:?}", route.from);
            if route.from != START {
                self.known(&route.from, &what);
            }
            for (_, to) in &route.targets.0 {
                self.target(to, &what);
            }
        }
    }

    fn named_nodes(&mut self) {
        let graph = self.graph;
        for name in &graph.before {
            self.known(name, "interrupt_before");
        }
        for name in &graph.after {
            self.known(name, "interrupt_after");
        }
        for name in &graph.missed {
            if self.names.contains(&name.as_str()) {
                self.problems.push(format!(
                    "options for {name:?} were given before the node; give them after it"
                ));
            } else {
                self.known(name, "options");
            }
        }
        for node in &graph.nodes {
            for to in &node.options.destinations {
                self.target(to, &format!("the destinations of {:?}", node.name));
            }
        }
    }

    fn reachable(&mut self) {
        let mut reached: BTreeSet<&str> = BTreeSet::from([START]);
        loop {
            let before = reached.len();
            for (from, to) in &self.graph.edges {
                if from.iter().all(|name| reached.contains(name.as_str())) {
                    reached.insert(to);
                }
            }
            for route in &self.graph.routes {
                if reached.contains(route.from.as_str()) {
                    if route.targets.0.is_empty() {
                        return; // It may lead anywhere.
                    }
                    reached.extend(route.targets.0.iter().map(|(_, to)| to.as_str()));
                }
            }
            for node in &self.graph.nodes {
                if reached.contains(&*node.name) {
                    reached.extend(node.options.destinations.iter().map(String::as_str));
                }
            }
            if reached.len() == before {
                break;
            }
        }
        for name in &self.names {
            if !reached.contains(name) {
                self.problems.push(format!(
                    "node {name:?} cannot be reached from START; add an edge or a route to it, or name it in the \
                     destinations of the node whose command goes there"
                ));
            }
        }
    }
}
