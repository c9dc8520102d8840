//! The graphs that this server runs, and the assistant that each of them is by itself.

use std::sync::Arc;

use everthread_graph::AnyGraph;
use uuid::Uuid;

/// The graphs that this server runs.
#[derive(Debug, Clone)]
pub(crate) struct Graphs {
    all: Vec<(Uuid, Arc<dyn AnyGraph>)>,
    /// When they were registered, in milliseconds since 1970-01-01 UTC.
    pub(crate) since_ms: i64,
}

impl Graphs {
    /// These graphs; a later one of a name takes the place of an earlier.
    pub(crate) fn new(graphs: Vec<Arc<dyn AnyGraph>>, since_ms: i64) -> Self {
        let mut all: Vec<(Uuid, Arc<dyn AnyGraph>)> = Vec::with_capacity(graphs.len());
        for graph in graphs {
            all.retain(|(_, known)| known.name() != graph.name());
            all.push((id_of(graph.name()), graph));
        }
        Self { all, since_ms }
    }

    /// The graph of this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<dyn AnyGraph>> {
        let found = self.all.iter().find(|(_, graph)| graph.name() == name);
        found.map(|(_, graph)| graph)
    }

    /// The graph whose own assistant has this id.
    pub(crate) fn by_id(&self, id: Uuid) -> Option<&Arc<dyn AnyGraph>> {
        let found = self.all.iter().find(|(known, _)| *known == id);
        found.map(|(_, graph)| graph)
    }

    /// All of them, with the ids of their own assistants.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Uuid, Arc<dyn AnyGraph>)> {
        self.all.iter()
    }

    /// Their names, for messages.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.all.iter().map(|(_, graph)| graph.name()).collect();
        names.join(", ")
    }
}

/// The namespace that LangGraph makes these ids in; it is none of the well-known ones.
const NAMESPACE: Uuid = Uuid::from_u128(0x6ba7_b821_9dad_11d1_80b4_00c0_4fd4_30c8);

/// The id of a graph's own assistant: it follows from the name, the same in every deployment, as LangGraph's does.
pub(crate) fn id_of(graph: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, graph.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_reference() {
        assert_eq!(
            id_of("agent").to_string(),
            "fe096781-5601-53d2-b2f6-0d3403f7e9ca"
        );
        assert_eq!(
            id_of("parent").to_string(),
            "0b226d00-e4ec-5b58-8e33-88f4bd4debe7"
        );
    }
}
