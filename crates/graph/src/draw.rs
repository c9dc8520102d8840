//! Drawings of a graph: Mermaid text in LangGraph's style, and with the feature `draw` SVG and PNG.

#[cfg(feature = "draw")]
mod canvas;
#[cfg(feature = "draw")]
mod image;
mod mermaid;

use std::sync::Arc;

use crate::command::{END, START};
use crate::graph::Inner;
use crate::state::State;

/// What is drawn of a graph: its nodes and edges, and the graphs inside nodes.
///
/// ```
/// use everthread_graph::{END, START, State, StateGraph};
///
/// #[derive(State)]
/// struct Empty {}
///
/// let graph = StateGraph::<Empty>::new()
///     .node("chat", async |_, _| Empty::update())
///     .edge(START, "chat")
///     .edge("chat", END)
///     .compile_stateless()?;
/// assert!(graph.draw().mermaid().contains("__start__ --> chat;"));
/// # Ok::<(), everthread_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    name: String,
    deferred: bool,
    inside: Option<Arc<Picture>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
    conditional: bool,
    label: Option<String>,
}

impl Picture {
    pub(crate) fn of<S: State>(graph: &Inner<S>) -> Self {
        let node = |node: &crate::node::Node<S>| Node {
            name: node.name.to_string(),
            deferred: node.options.defer,
            inside: node.inside.clone(),
        };
        let mut picture = Self {
            nodes: graph.nodes.iter().map(node).collect(),
            edges: Vec::new(),
        };
        for (sources, to) in &graph.edges {
            for from in sources {
                picture.add(from, to, false, None);
            }
        }
        for route in graph
            .start_routes
            .iter()
            .chain(graph.routes.iter().flatten())
        {
            for (label, to) in &route.targets.0 {
                let label = (label != to).then(|| label.clone());
                picture.add(&route.from, to, true, label);
            }
        }
        for node in &graph.nodes {
            for to in &node.options.destinations {
                picture.add(&node.name, to, true, None);
            }
        }
        for node in &graph.nodes {
            if !picture.edges.iter().any(|edge| edge.from == *node.name) {
                picture.add(&node.name, END, false, None);
            }
        }
        picture
            .edges
            .sort_by_key(|edge| (edge.from != START, edge.from.clone()));
        picture
    }

    fn add(&mut self, from: &str, to: &str, conditional: bool, label: Option<String>) {
        let edge = Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            conditional,
            label,
        };
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }

    /// The drawing as Mermaid text, as LangGraph writes it: conditional edges dashed, subgraphs as boxes.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid::text(self)
    }

    /// The drawing as an SVG image: conditional edges dashed, subgraphs as boxes.
    #[cfg(feature = "draw")]
    #[must_use]
    pub fn svg(&self) -> String {
        image::svg(self)
    }

    /// The drawing as a PNG image, white behind, two pixels a unit. The font comes with the program.
    ///
    /// # Errors
    /// `Draw` when the image is too large.
    #[cfg(feature = "draw")]
    pub fn png(&self) -> Result<Vec<u8>, crate::error::Error> {
        image::png(self)
    }
}

#[cfg(test)]
mod tests;
