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

/// A node as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name; in a picture made by [`Picture::expanded`] with the names of the nodes around it before, as in
    /// `outer:inner`.
    pub name: String,
    /// Whether it waits until nothing else is left to do.
    pub deferred: bool,
    /// The graph inside, when it is a subgraph.
    pub inside: Option<Arc<Picture>>,
}

/// An edge as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// A node's name, or [`START`].
    pub from: String,
    /// A node's name, or [`END`].
    pub to: String,
    /// Whether it depends on the state if it is taken.
    pub conditional: bool,
    /// What the route calls its target, when that is not the node's name.
    pub label: Option<String>,
}

impl Picture {
    pub(crate) fn of<S: State>(graph: &Inner<S>) -> Self {
        let node = |node: &crate::node::Node<S>| Node {
            name: node.name.to_string(),
            deferred: node.options.defer,
            inside: node.inside.as_ref().map(|graph| Arc::new(graph.picture())),
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

    /// The nodes, by name; [`START`] and [`END`] are none.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The edges, those of [`START`] first.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The picture with the nodes of subgraphs in the place of the subgraphs, so many levels deep: their names are
    /// paths, as in `outer:inner`.
    #[must_use]
    pub fn expanded(&self, levels: usize) -> Self {
        let opened = self.opened(levels);
        let mut nodes = Vec::new();
        opened.flatten("", &mut nodes);
        Self {
            nodes,
            edges: mermaid::edges(&opened, ""),
        }
    }

    /// Without what is inside of nodes deeper than this.
    fn opened(&self, levels: usize) -> Self {
        let mut opened = self.clone();
        for node in &mut opened.nodes {
            let inside = node.inside.take().filter(|_| levels > 0);
            node.inside = inside.map(|inside| Arc::new(inside.opened(levels - 1)));
        }
        opened
    }

    fn flatten(&self, prefix: &str, into: &mut Vec<Node>) {
        for node in &self.nodes {
            let name = format!("{prefix}{}", node.name);
            match &node.inside {
                Some(inside) => inside.flatten(&format!("{name}:"), into),
                None => into.push(Node {
                    name,
                    ..node.clone()
                }),
            }
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
