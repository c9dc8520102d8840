//! Graphs inside nodes, seen from the thread that they are run on. What they keep is in the checkpointer of the
//! thread's own graph.

use std::fmt;

use async_trait::async_trait;

use super::{AnyState, GraphSchemas, schema, state};
use crate::contract::{At, Checkpointer, Namespace, ThreadKey};
use crate::draw::Picture;
use crate::error::Error;
use crate::graph::CompiledGraph;
use crate::state::State;
use crate::thread::view;

/// Where a graph's checkpoints are.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) store: &'a dyn Checkpointer,
    pub(crate) key: &'a ThreadKey,
    pub(crate) ns: &'a Namespace,
}

/// A graph inside a node.
#[async_trait]
pub(crate) trait Inside: Send + Sync + fmt::Debug {
    fn picture(&self) -> Picture;

    fn schemas(&self) -> GraphSchemas;

    /// Lists the graphs inside, with this before their paths.
    fn list(&self, prefix: &str, into: &mut Vec<(String, GraphSchemas)>);

    /// The graph inside this node.
    fn inside(&self, node: &str) -> Option<&dyn Inside>;

    async fn view(
        &self,
        place: Place<'_>,
        at: At,
        subgraphs: bool,
    ) -> Result<Option<AnyState>, Error>;
}

#[async_trait]
impl<S: State> Inside for CompiledGraph<S> {
    fn picture(&self) -> Picture {
        self.draw()
    }

    fn schemas(&self) -> GraphSchemas {
        schema::of(self)
    }

    fn list(&self, prefix: &str, into: &mut Vec<(String, GraphSchemas)>) {
        for node in &self.inner.nodes {
            if let Some(inside) = &node.inside {
                let path = format!("{prefix}{}", node.name);
                let below = format!("{path}|");
                into.push((path, inside.schemas()));
                inside.list(&below, into);
            }
        }
    }

    fn inside(&self, node: &str) -> Option<&dyn Inside> {
        let node = self.inner.topology.find(node)?;
        self.inner.nodes[node.0].inside.as_deref()
    }

    async fn view(
        &self,
        place: Place<'_>,
        at: At,
        subgraphs: bool,
    ) -> Result<Option<AnyState>, Error> {
        let Some(saved) = place.store.load(place.key, place.ns, at).await? else {
            return Ok(None);
        };
        let view = view(self, place.ns, saved, at == At::Head)?;
        state::of(self, view, place, subgraphs).await.map(Some)
    }
}

/// The graph of a namespace: the names of nodes are the parts of its text up to their colons.
pub(super) fn find<'g>(root: &'g dyn Inside, ns: &Namespace) -> Option<&'g dyn Inside> {
    let mut graph = root;
    for part in ns.as_str().split('|').filter(|part| !part.is_empty()) {
        let (node, _task) = part.split_once(':')?;
        graph = graph.inside(node)?;
    }
    Some(graph)
}
