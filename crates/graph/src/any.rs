//! A graph whose state type is forgotten: everything in and out is JSON.
//!
//! A server holds many graphs and knows none of their types; this is how it runs them. Whoever knows the type uses
//! [`Thread`](crate::Thread), which this is made of.

mod edit;
mod input;
mod inside;
mod schema;
mod state;
mod stream;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use edit::AnyEdit;
pub use input::{AnyGoto, AnyInput};
pub(crate) use inside::Inside;
pub use schema::GraphSchemas;
pub use state::{AnyInside, AnyState, AnyTask};
pub use stream::{AnyOutput, AnyStream};

use crate::contract::{At, CheckpointId, Checkpointer, HistoryQuery, Json, Namespace, ThreadKey};
use crate::draw::Picture;
use crate::error::{Error, ErrorKind};
use crate::graph::CompiledGraph;
use crate::run::{EVERY_NODE, RunOptions};
use crate::state::State;
use crate::stream::StreamModes;

/// A graph of whatever state type. Every [`CompiledGraph`] is one.
///
/// ```
/// use std::sync::Arc;
/// use everthread_graph::contract::Json;
/// use everthread_graph::{AnyGraph, AnyInput, END, START, State, StateGraph};
///
/// #[derive(State)]
/// struct Count {
///     n: u32,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = StateGraph::<Count>::new()
///     .name("count")
///     .node("add", async |state: Arc<Count>, _| Count::update().n(state.n + 1))
///     .edge(START, "add")
///     .edge("add", END)
///     .compile_stateless()?;
/// let graph: Arc<dyn AnyGraph> = Arc::new(graph);
/// assert_eq!(graph.name(), "count");
/// let wrong = AnyInput::Update(Json::parse(r#"{"n": "many"}"#)?);
/// let error = graph.check(&wrong).unwrap_err();
/// assert!(error.to_string().contains("channel \"n\""));
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait AnyGraph: Send + Sync + fmt::Debug {
    /// The graph's name.
    fn name(&self) -> &str;

    /// What is drawn of the graph: nodes, edges (conditional or not), subgraphs.
    fn picture(&self) -> Picture;

    /// JSON Schemas of what goes in and comes out.
    fn schemas(&self) -> GraphSchemas;

    /// The graphs inside nodes at any depth, by their paths (`outer` or `outer|inner`), each before those that are
    /// inside of it.
    fn subgraphs(&self) -> Vec<(String, GraphSchemas)>;

    /// Whether an input has the right form for this graph, and goes to nodes that it has.
    ///
    /// # Errors
    /// `InvalidInput`, naming the channel or the field that is wrong.
    fn check(&self, input: &AnyInput) -> Result<(), Error>;

    /// Whether a context that is to be kept for many runs, such as an assistant's, has the right form for this graph;
    /// every object has by default.
    ///
    /// # Errors
    /// `InvalidInput`, naming the field that is wrong.
    fn check_context(&self, context: &Json) -> Result<(), Error> {
        let _ = context;
        Ok(())
    }

    /// Runs the graph on a thread as [`Thread::stream`](crate::Thread::stream) does.
    ///
    /// # Errors
    /// `InvalidInput` when the input or a breakpoint is wrong, before there is a run. What goes wrong later is the
    /// stream's last event.
    fn stream(
        &self,
        key: &ThreadKey,
        input: AnyInput,
        modes: StreamModes,
        options: RunOptions,
    ) -> Result<AnyStream, Error>;

    /// The thread's state: as it is now, with what finished tasks of the pending step wrote, or as it was recorded
    /// in a checkpoint; `None` when that is not there. With `subgraphs` the states of subgraphs that tasks wait in
    /// are in it too, otherwise only where to find them.
    ///
    /// # Errors
    /// `Corrupt`, `NoCheckpointer`, `Store(..)`.
    async fn state(
        &self,
        key: &ThreadKey,
        at: At,
        subgraphs: bool,
    ) -> Result<Option<AnyState>, Error> {
        self.state_in(key, &Namespace::root(), at, subgraphs).await
    }

    /// The same of a graph inside the thread's: its namespace is in the task that it waits in
    /// ([`AnyTask::inside`]). `None` also when the graph has no subgraph there.
    ///
    /// # Errors
    /// As [`AnyGraph::state`].
    async fn state_in(
        &self,
        key: &ThreadKey,
        ns: &Namespace,
        at: At,
        subgraphs: bool,
    ) -> Result<Option<AnyState>, Error>;

    /// The thread's checkpoints with their states, newest first; of the thread's own graph when the query names no
    /// namespace.
    ///
    /// # Errors
    /// As [`AnyGraph::state`].
    async fn history(&self, key: &ThreadKey, query: HistoryQuery) -> Result<Vec<AnyState>, Error>;

    /// Writes to the thread as though nodes had, one checkpoint for each edit, the first one upon `at` (a new branch
    /// begins there when it is not the head). Gives the last new checkpoint. Every edit's form is checked before
    /// the first is written; those written stay when a later one fails.
    ///
    /// # Errors
    /// `InvalidInput` for an unknown node, a wrong value or no edit at all, and as
    /// [`Thread::update_state`](crate::Thread::update_state).
    async fn update_state(
        &self,
        key: &ThreadKey,
        at: At,
        edits: Vec<AnyEdit>,
    ) -> Result<CheckpointId, Error>;

    /// Begins a new branch at a checkpoint, which becomes the head. Gives the new checkpoint.
    ///
    /// # Errors
    /// As [`Thread::fork`](crate::Thread::fork).
    async fn fork(&self, key: &ThreadKey, at: CheckpointId) -> Result<CheckpointId, Error>;
}

#[async_trait]
impl<S: State> AnyGraph for CompiledGraph<S> {
    fn name(&self) -> &str {
        self.name()
    }

    fn picture(&self) -> Picture {
        self.draw()
    }

    fn schemas(&self) -> GraphSchemas {
        schema::of(self)
    }

    fn subgraphs(&self) -> Vec<(String, GraphSchemas)> {
        let mut all = Vec::new();
        self.list("", &mut all);
        all
    }

    fn check(&self, input: &AnyInput) -> Result<(), Error> {
        input::typed(self, input.clone()).map(drop)
    }

    fn check_context(&self, context: &Json) -> Result<(), Error> {
        match &self.inner.checks.context {
            Some(check) => check(context).map_err(invalid),
            None => Ok(()),
        }
    }

    fn stream(
        &self,
        key: &ThreadKey,
        input: AnyInput,
        modes: StreamModes,
        options: RunOptions,
    ) -> Result<AnyStream, Error> {
        for name in options.before.iter().chain(&options.after) {
            if name != EVERY_NODE {
                input::known(self, name)?;
            }
        }
        let input = input::typed(self, input)?;
        let stream = self.thread(key).with(options).stream(input, modes);
        Ok(AnyStream::new(stream))
    }

    async fn state_in(
        &self,
        key: &ThreadKey,
        ns: &Namespace,
        at: At,
        subgraphs: bool,
    ) -> Result<Option<AnyState>, Error> {
        let Some(graph) = inside::find(self, ns) else {
            return Ok(None);
        };
        let place = inside::Place {
            store: &**store(self)?,
            key,
            ns,
        };
        graph.view(place, at, subgraphs).await
    }

    async fn history(&self, key: &ThreadKey, query: HistoryQuery) -> Result<Vec<AnyState>, Error> {
        let ns = query.ns.clone().unwrap_or_default();
        let Some(graph) = inside::find(self, &ns) else {
            return Ok(Vec::new());
        };
        let store = &**store(self)?;
        let query = HistoryQuery {
            ns: Some(ns.clone()),
            ..query
        };
        let mut states = Vec::new();
        for checkpoint in store.history(key, query).await? {
            let place = inside::Place {
                store,
                key,
                ns: &ns,
            };
            // One that was deleted meanwhile is no longer of the history.
            states.extend(graph.view(place, At::Id(checkpoint.id), false).await?);
        }
        Ok(states)
    }

    async fn update_state(
        &self,
        key: &ThreadKey,
        at: At,
        edits: Vec<AnyEdit>,
    ) -> Result<CheckpointId, Error> {
        edit::write(self, key, at, edits).await
    }

    async fn fork(&self, key: &ThreadKey, at: CheckpointId) -> Result<CheckpointId, Error> {
        self.thread(key).fork(at).await
    }
}

fn store<S: State>(graph: &CompiledGraph<S>) -> Result<&Arc<dyn Checkpointer>, Error> {
    graph.inner.checkpointer.as_ref().ok_or_else(|| {
        let context = format!(
            "graph {:?} has no checkpointer, and threads need one; compile it with one",
            graph.name()
        );
        Error::new(ErrorKind::NoCheckpointer, context)
    })
}

/// The error of a value that does not have the right form.
fn invalid(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, context)
}

/// JSON text as it lies in a JSON document.
fn json(text: &serde_json::value::RawValue) -> Json {
    Json::trusted(text.get())
}
