//! A graph that is ready to run.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::FutureExt;

use super::{Route, StateGraph};
use crate::contract::{Checkpointer, Json, Namespace, ThreadKey};
use crate::draw::Picture;
use crate::error::Error;
use crate::graph::build::{Checks, ItemsOf};
use crate::head::{Head, HeadCache};
use crate::ids::Mint;
use crate::node::Node;
use crate::plan::{NodeRef, Topology};
use crate::run::{self, IntoInput, RunOptions, RunOutput};
use crate::state::State;
use crate::stream::{Outbox, RunStream, StreamModes};
use crate::thread::{Thread, ThreadRef};

/// Heads that are remembered, so that a turn on one of them loads nothing.
const CACHED_HEADS: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// JSON of their states, at most: a long conversation counts for more than a short one.
const CACHED_BYTES: usize = 32 * 1024 * 1024;

/// A graph that is ready to run; cheap to clone.
pub struct CompiledGraph<S: State> {
    pub(crate) inner: Arc<Inner<S>>,
}

pub(crate) struct Inner<S: State> {
    pub(crate) name: String,
    /// In the order of names: a [`NodeRef`] is a place here.
    pub(crate) nodes: Vec<Node<S>>,
    pub(crate) topology: Topology,
    pub(crate) edges: Vec<(Vec<String>, String)>,
    pub(crate) start_routes: Vec<Route<S>>,
    /// By node.
    pub(crate) routes: Vec<Vec<Route<S>>>,
    pub(crate) settings: Settings,
    pub(crate) checks: Checks<S>,
    pub(crate) checkpointer: Option<Arc<dyn Checkpointer>>,
    pub(crate) heads: HeadCache<S>,
}

/// What runs of the graph share.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) before: Vec<NodeRef>,
    pub(crate) after: Vec<NodeRef>,
    pub(crate) mint: Mint,
    pub(crate) items: Option<ItemsOf>,
    pub(crate) context_schema: Option<Json>,
}

impl<S: State> CompiledGraph<S> {
    pub(super) fn new(
        graph: StateGraph<S>,
        topology: Topology,
        checkpointer: Option<Arc<dyn Checkpointer>>,
    ) -> Self {
        let mut start_routes = Vec::new();
        let mut routes: Vec<Vec<Route<S>>> = graph.nodes.iter().map(|_| Vec::new()).collect();
        for route in graph.routes {
            match topology.find(&route.from) {
                Some(node) => routes[node.0].push(route),
                None => start_routes.push(route),
            }
        }
        let refs = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| topology.find(name))
                .collect()
        };
        let settings = Settings {
            before: refs(&graph.before),
            after: refs(&graph.after),
            mint: graph.mint,
            items: graph.items,
            context_schema: graph.context_schema,
        };
        Self {
            inner: Arc::new(Inner {
                name: graph.name,
                nodes: graph.nodes,
                edges: graph.edges,
                start_routes,
                routes,
                settings,
                checks: graph.checks,
                topology,
                checkpointer,
                heads: HeadCache::new(CACHED_HEADS, CACHED_BYTES),
            }),
        }
    }

    /// The graph's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// A thread of this graph, by its id (user `local` unless [`Thread::user`] says otherwise) or by its key.
    /// An id that is none is reported by what is then done with the thread.
    #[must_use]
    pub fn thread(&self, thread: impl Into<ThreadRef>) -> Thread<S> {
        Thread::new(self.clone(), thread.into())
    }

    /// Runs the graph once from an initial state, keeping nothing.
    ///
    /// # Errors
    /// As [`Thread::invoke`].
    pub async fn invoke(&self, input: impl IntoInput<S>) -> Result<RunOutput<S>, Error> {
        self.invoke_on(Arc::new(S::initial()), input).await
    }

    /// Runs the graph once from the caller's state, keeping nothing.
    ///
    /// # Errors
    /// As [`Thread::invoke`].
    pub async fn invoke_on(
        &self,
        state: Arc<S>,
        input: impl IntoInput<S>,
    ) -> Result<RunOutput<S>, Error> {
        run::stateless(self, state, input.into_input(), RunOptions::new(), None).await
    }

    /// Runs the graph once with other options. A thread's options (its checkpoint, what happens to other runs)
    /// mean nothing here.
    ///
    /// # Errors
    /// As [`Thread::invoke`].
    pub async fn invoke_with(
        &self,
        input: impl IntoInput<S>,
        options: RunOptions,
    ) -> Result<RunOutput<S>, Error> {
        let state = Arc::new(S::initial());
        run::stateless(self, state, input.into_input(), options, None).await
    }

    /// Runs the graph once, keeping nothing, and shows what happens. The run goes on as the stream is read, and is
    /// cancelled when it is dropped.
    #[must_use]
    pub fn stream(&self, input: impl IntoInput<S>, modes: StreamModes) -> RunStream<S> {
        self.stream_with(input, modes, RunOptions::new())
    }

    /// The same with other options.
    #[must_use]
    pub fn stream_with(
        &self,
        input: impl IntoInput<S>,
        modes: StreamModes,
        options: RunOptions,
    ) -> RunStream<S> {
        let run = options
            .run
            .unwrap_or_else(|| self.inner.settings.mint.run());
        let outbox = Arc::new(Outbox::new(modes, options.subgraphs, None));
        let (graph, input, shown) = (self.clone(), input.into_input(), outbox.clone());
        let work = async move {
            let state = Arc::new(S::initial());
            run::stateless(&graph, state, input, options, Some((run, shown))).await
        };
        RunStream::new(run, outbox, work.boxed())
    }

    /// What is drawn of the graph.
    #[must_use]
    pub fn draw(&self) -> Picture {
        Picture::of(&self.inner)
    }

    /// Forgets what is remembered of a thread.
    pub(crate) fn forget(&self, key: &ThreadKey, ns: &Namespace) {
        self.inner.heads.remove(key, ns);
    }

    pub(crate) fn remember(&self, key: &ThreadKey, ns: &Namespace, head: Arc<Head<S>>) {
        self.inner.heads.insert(key, ns, head);
    }
}

impl<S: State> Clone for CompiledGraph<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<S: State> fmt::Debug for CompiledGraph<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledGraph")
            .field("name", &self.inner.name)
            .field("nodes", &self.inner.nodes)
            .finish_non_exhaustive()
    }
}
