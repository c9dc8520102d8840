//! The builder.

use std::sync::Arc;

use super::{CompiledGraph, Route, Targets, check};
use crate::any::Inside;
use crate::command::{IntoCommand, IntoGoto};
use crate::context::Context;
use crate::contract::{Checkpointer, Items, Json};
use crate::error::Error;
use crate::ids::{Clock, Ids, Mint};
use crate::node::{Node, NodeOptions};
use crate::state::State;

/// A graph in the making. Mistakes are reported by [`StateGraph::compile`], all at once.
///
/// ```
/// use everthread_graph::{END, START, State, StateGraph};
///
/// #[derive(State)]
/// struct Count {
///     n: u32,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), everthread_graph::Error> {
/// let graph = StateGraph::<Count>::new()
///     .node("add", async |state: std::sync::Arc<Count>, _| Count::update().n(state.n + 1))
///     .edge(START, "add")
///     .route("add", |state| if state.n < 3 { "add" } else { END }, ["add", END])
///     .compile_stateless()?;
/// let out = graph.invoke(Count::update().n(0)).await?;
/// assert_eq!(out.n, 3);
/// # Ok(())
/// # }
/// ```
pub struct StateGraph<S: State> {
    pub(super) name: String,
    pub(super) nodes: Vec<Node<S>>,
    pub(super) edges: Vec<(Vec<String>, String)>,
    pub(super) routes: Vec<Route<S>>,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
    /// Names that options were given for before there was a node of the name.
    pub(super) missed: Vec<String>,
    pub(super) mint: Mint,
    pub(super) items: Option<ItemsOf>,
    pub(super) context_schema: Option<Json>,
    pub(super) checks: Checks<S>,
}

/// What a graph's maker refuses of what comes in as JSON, with the reason.
pub(crate) struct Checks<S: State> {
    pub(crate) input: Option<CheckInput<S>>,
    pub(crate) context: Option<CheckContext>,
}

type CheckInput<S> = Box<dyn Fn(&<S as State>::Update) -> Result<(), String> + Send + Sync>;
type CheckContext = Box<dyn Fn(&Json) -> Result<(), String> + Send + Sync>;

impl<S: State> Default for Checks<S> {
    fn default() -> Self {
        Self {
            input: None,
            context: None,
        }
    }
}

impl<S: State> std::fmt::Debug for Checks<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checks")
            .field("input", &self.input.is_some())
            .field("context", &self.context.is_some())
            .finish()
    }
}

/// Long-term memory, without a debug form of its own.
#[derive(Clone)]
pub(crate) struct ItemsOf(pub(crate) Arc<dyn Items>);

impl std::fmt::Debug for ItemsOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Items")
    }
}

/// One node or several, as the beginning of an edge.
pub trait Sources {
    /// Their names.
    fn names(self) -> Vec<String>;
}

impl Sources for &str {
    fn names(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl Sources for String {
    fn names(self) -> Vec<String> {
        vec![self]
    }
}

impl<N: Into<String>, const C: usize> Sources for [N; C] {
    fn names(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<N: Into<String>> Sources for Vec<N> {
    fn names(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: State> std::fmt::Debug for StateGraph<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateGraph")
            .field("name", &self.name)
            .field("nodes", &self.nodes)
            .field("edges", &self.edges)
            .finish_non_exhaustive()
    }
}

impl<S: State> Default for StateGraph<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: State> StateGraph<S> {
    /// A graph without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: "graph".to_owned(),
            nodes: Vec::new(),
            edges: Vec::new(),
            routes: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            missed: Vec::new(),
            mint: Mint::system(),
            items: None,
            context_schema: None,
            checks: Checks::default(),
        }
    }

    /// Names the graph, for runs at rest and for drawings. The default is `graph`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds a node: an async function of the state as it was before the step and of the [`Context`], which
    /// returns an update, a [`Command`](crate::Command), several of them, nothing, or a `Result` of these.
    #[must_use]
    pub fn node<F, Fut>(self, name: &str, f: F) -> Self
    where
        F: Fn(Arc<S>, Context) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoCommand<S>,
    {
        self.node_with(name, f, NodeOptions::new())
    }

    /// Adds a node with retries, a time-out or other options.
    #[must_use]
    pub fn node_with<F, Fut>(mut self, name: &str, f: F, options: NodeOptions) -> Self
    where
        F: Fn(Arc<S>, Context) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoCommand<S>,
    {
        self.nodes.push(Node::new(name, f, options));
        self
    }

    /// Notes which graph is inside the node that was added last.
    pub(crate) fn inside(mut self, graph: Arc<dyn Inside>) -> Self {
        if let Some(node) = self.nodes.last_mut() {
            node.inside = Some(graph);
        }
        self
    }

    /// Changes the options of a node that was added before. A name that no node has by then is reported by
    /// [`StateGraph::compile`].
    #[must_use]
    pub fn options(mut self, name: &str, options: &NodeOptions) -> Self {
        if !self.nodes.iter().any(|node| &*node.name == name) {
            self.missed.push(name.to_owned());
        }
        for node in self.nodes.iter_mut().filter(|node| &*node.name == name) {
            node.options = options.clone();
        }
        self
    }

    /// Adds an edge. From several nodes it is a join: it leads on when all of them have run.
    #[must_use]
    pub fn edge(mut self, from: impl Sources, to: &str) -> Self {
        self.edges.push((from.names(), to.to_owned()));
        self
    }

    /// Adds a conditional edge: after `from`, `choose` says where to go, reading the state with `from`'s own
    /// writes in it. It may return names, [`END`](crate::END), [`SendTo`](crate::SendTo)s and several of them.
    #[must_use]
    pub fn route<R: IntoGoto>(
        mut self,
        from: &str,
        choose: impl Fn(&S) -> R + Send + Sync + 'static,
        targets: impl Into<Targets>,
    ) -> Self {
        self.routes.push(Route::new(from, choose, targets.into()));
        self
    }

    /// Stops each run before these nodes; going on runs them.
    #[must_use]
    pub fn interrupt_before<N: Into<String>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.before.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// Stops each run after these nodes.
    #[must_use]
    pub fn interrupt_after<N: Into<String>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.after.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// Gives nodes a long-term memory of the user.
    #[must_use]
    pub fn items(mut self, items: Arc<dyn Items>) -> Self {
        self.items = Some(ItemsOf(items));
        self
    }

    /// Says what a run's context ([`RunOptions::context`](crate::RunOptions::context)) may hold, as a JSON Schema.
    /// It is told to clients and not checked: see [`StateGraph::check_context`].
    #[must_use]
    pub fn context_schema(mut self, schema: Json) -> Self {
        self.context_schema = Some(schema);
        self
    }

    /// Refuses a new input that this says no to, with its reason, before a run begins. It is asked where an input comes
    /// as JSON ([`AnyGraph`](crate::AnyGraph)); commands are not inputs.
    #[must_use]
    pub fn check_input(
        mut self,
        check: impl Fn(&S::Update) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.checks.input = Some(Box::new(check));
        self
    }

    /// Refuses a context that is to be kept for many runs, such as an assistant's, with this reason
    /// ([`AnyGraph::check_context`](crate::AnyGraph::check_context)).
    #[must_use]
    pub fn check_context(
        mut self,
        check: impl Fn(&Json) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.checks.context = Some(Box::new(check));
        self
    }

    /// Reads the time here instead of from the system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.mint.set_clock(clock);
        self
    }

    /// Takes randomness here instead of from the system.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn Ids>) -> Self {
        self.mint.set_ids(ids);
        self
    }

    /// Checks the graph and makes it ready to run, with a durable home for its threads.
    ///
    /// # Errors
    /// `InvalidGraph`, with everything that is wrong: names that are taken, reserved or unknown, nodes that no
    /// path from [`START`](crate::START) reaches, routes to missing nodes, no edge from `START`.
    pub fn compile(self, checkpointer: Arc<dyn Checkpointer>) -> Result<CompiledGraph<S>, Error> {
        check::compile(self, Some(checkpointer))
    }

    /// The same without a durable home: threads, history and interrupts need one.
    ///
    /// # Errors
    /// As [`StateGraph::compile`].
    pub fn compile_stateless(self) -> Result<CompiledGraph<S>, Error> {
        check::compile(self, None)
    }
}
