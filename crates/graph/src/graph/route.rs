//! A route: a function of the state that says where to go.

use std::fmt;
use std::sync::Arc;

use crate::command::{Goto, IntoGoto};
use crate::node::NodeError;

/// Where a route may lead: node names (or [`END`](crate::END)), each with the label that the function returns
/// for it. Empty means anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets(pub(crate) Vec<(String, String)>);

impl Targets {
    /// Any node. Nothing is checked at compile time, and nothing is drawn.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }
}

impl<const N: usize> From<[&str; N]> for Targets {
    fn from(names: [&str; N]) -> Self {
        Self(
            names
                .into_iter()
                .map(|name| (name.to_owned(), name.to_owned()))
                .collect(),
        )
    }
}

impl From<Vec<String>> for Targets {
    fn from(names: Vec<String>) -> Self {
        Self(names.into_iter().map(|name| (name.clone(), name)).collect())
    }
}

/// Pairs of label and node.
impl<const N: usize> From<[(&str, &str); N]> for Targets {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let pairs = pairs.into_iter();
        Self(
            pairs
                .map(|(label, node)| (label.to_owned(), node.to_owned()))
                .collect(),
        )
    }
}

type Choose<S> = dyn Fn(&S) -> Result<Vec<Goto>, NodeError> + Send + Sync;

/// A conditional edge.
pub(crate) struct Route<S> {
    pub(crate) from: String,
    pub(crate) choose: Arc<Choose<S>>,
    pub(crate) targets: Targets,
}

impl<S: 'static> Route<S> {
    pub(crate) fn new<R: IntoGoto>(
        from: &str,
        choose: impl Fn(&S) -> R + Send + Sync + 'static,
        targets: Targets,
    ) -> Self {
        Self {
            from: from.to_owned(),
            choose: Arc::new(move |state| choose(state).into_goto()),
            targets,
        }
    }
}

impl<S> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("from", &self.from)
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}
