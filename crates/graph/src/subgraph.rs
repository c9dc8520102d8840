//! A graph as a node of another: in a namespace of its own, with checkpoints of its own, in the run of the graph
//! above.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::command::{Command, ParentCommand, START};
use crate::context::Context;
use crate::contract::{At, HistoryQuery, Namespace, Removal, Source};
use crate::error::{Error, ErrorKind};
use crate::graph::{CompiledGraph, StateGraph};
use crate::head::Head;
use crate::node::{NodeError, NodeOptions, Raised};
use crate::plan::Plan;
use crate::run::{Rest, Steps, Stop, targets_of};
use crate::state::{State, Step, Update};

/// How far back the beginning of a graph inside another is looked for.
const MAX_STEPS_INSIDE: usize = 100_000;

/// How a graph inside another ended.
enum Ended<T> {
    /// At rest, with the namespace in which it had begun before, when this run went on with it.
    State(Arc<T>, Option<Namespace>),
    /// It commands the graph above.
    Parent(ParentCommand),
}

impl<S: State> StateGraph<S> {
    /// Adds a graph of another state type as a node: `input` makes its input of this state, `output` makes an
    /// update of the state that it ends with. Interrupts inside stop this graph too, and are answered through it.
    #[must_use]
    pub fn subgraph<T: State>(
        self,
        name: &str,
        graph: &CompiledGraph<T>,
        input: impl Fn(&S) -> T::Update + Send + Sync + 'static,
        output: impl Fn(&T) -> S::Update + Send + Sync + 'static,
    ) -> Self {
        let inside = Arc::new(graph.clone());
        let (graph, input, output) = (graph.clone(), Arc::new(input), Arc::new(output));
        let node = move |state: Arc<S>, context: Context| {
            let (graph, input, output) = (graph.clone(), input.clone(), output.clone());
            async move {
                let initial = Arc::new(T::initial());
                match run(&graph, initial, input(&state), &context).await? {
                    Ended::State(state, _) => Ok(Command::new().update(output(&state))),
                    Ended::Parent(command) => Command::from_below(command),
                }
            }
        };
        self.node_with(name, node, NodeOptions::new())
            .inside(inside)
    }

    /// Adds a graph of the same state type as a node: it begins with this state, and what it changes is written
    /// back. A reducer channel that it changes is overwritten, not folded in a second time.
    #[must_use]
    pub fn subgraph_shared(self, name: &str, graph: &CompiledGraph<S>) -> Self {
        let inside = Arc::new(graph.clone());
        let graph = graph.clone();
        let node = move |state: Arc<S>, context: Context| {
            let graph = graph.clone();
            async move {
                // A namespace of its own begins empty: in a store, what it begins with is its input.
                let (initial, input) = if context.task.run.store.is_some() {
                    let initial = S::initial();
                    let input = state.diff(&initial);
                    (Arc::new(initial), input)
                } else {
                    (state.clone(), S::Update::default())
                };
                match run(&graph, initial, input, &context).await? {
                    Ended::State(end, None) => Ok(Command::new().update(end.diff(&state))),
                    Ended::State(end, Some(ns)) => {
                        // This state may have more in it than the one that the graph began with.
                        let began = beginning(&graph, &ns, &context).await?;
                        let base = began.unwrap_or(state);
                        Ok(Command::new().update(end.diff(&base)))
                    }
                    Ended::Parent(command) => Command::from_below(command),
                }
            }
        };
        self.node_with(name, node, NodeOptions::new())
            .inside(inside)
    }
}

impl Context {
    /// Runs another graph inside this task: in the task's run, with checkpoints of its own, and resumable. When
    /// the task runs again, graphs that had ended are not run again; call them in the same order.
    ///
    /// # Errors
    /// What the graph failed with; what stops the node while the graph waits for an answer.
    pub async fn call<T: State>(
        &self,
        graph: &CompiledGraph<T>,
        input: T::Update,
    ) -> Result<Arc<T>, NodeError> {
        match run(graph, Arc::new(T::initial()), input, self).await? {
            Ended::State(state, _) => Ok(state),
            Ended::Parent(command) => Err(NodeError::raised(Raised::Parent(command))),
        }
    }
}

async fn run<T: State>(
    graph: &CompiledGraph<T>,
    initial: Arc<T>,
    input: T::Update,
    context: &Context,
) -> Result<Ended<T>, NodeError> {
    let task = &context.task;
    let ns = match task.calls.fetch_add(1, Ordering::Relaxed) {
        0 => task.ns.child(&format!("{}:{}", task.node, task.id)),
        n => task.ns.child(&format!("{}:{}:{n}", task.node, task.id)),
    };
    let saved = load(graph, &ns, context).await?;
    let resumed = saved.is_some();
    let head = saved.unwrap_or_else(|| Head::empty(initial));
    let went_on = resumed.then(|| ns.clone());
    let mut steps = Steps::new(&*graph.inner, task.run.clone(), ns, head);
    if !resumed {
        begin(graph, &mut steps, input).await.map_err(stopped)?;
    } else if steps.head().plan.next.is_empty() && steps.head().plan.unknown.is_empty() {
        return Ok(Ended::State(steps.head().state.clone(), went_on));
    }
    steps.set_answers(task.answers.clone());
    let rest = steps.run(resumed).await;
    if rest.is_err() {
        steps.keep_leftover().await.map_err(stopped)?;
    }
    match rest {
        Ok(Rest::Asked(questions)) => Err(NodeError::raised(Raised::Interrupts(questions))),
        Ok(Rest::Breakpoint) => Err(NodeError::raised(Raised::Interrupts(Vec::new()))),
        Ok(Rest::Done | Rest::Limit) => Ok(Ended::State(steps.head().state.clone(), went_on)),
        Err(Stop::Parent(command)) => Ok(Ended::Parent(command)),
        Err(stop) => Err(stopped(stop)),
    }
}

async fn load<T: State>(
    graph: &CompiledGraph<T>,
    ns: &Namespace,
    context: &Context,
) -> Result<Option<Head<T>>, NodeError> {
    let Some(store) = &context.task.run.store else {
        return Ok(None);
    };
    if context.attempt() > 1 {
        // What the attempt before has written is seen only when it is durable.
        store.flight.durable().await?;
    }
    let saved = store.checkpointer.load(&store.key, ns, At::Head).await?;
    store.raise(saved.as_ref().map(|saved| saved.last));
    Ok(saved
        .map(|saved| Head::of(saved, &graph.inner.topology))
        .transpose()?)
}

/// The state of a namespace's first checkpoint, if it is still there.
async fn beginning<T: State>(
    graph: &CompiledGraph<T>,
    ns: &Namespace,
    context: &Context,
) -> Result<Option<Arc<T>>, NodeError> {
    let Some(store) = &context.task.run.store else {
        return Ok(None);
    };
    let query = HistoryQuery {
        ns: Some(ns.clone()),
        before: None,
        limit: MAX_STEPS_INSIDE,
    };
    let first = store.checkpointer.history(&store.key, query).await?.pop();
    let Some(first) = first.filter(|first| first.parent.is_none()) else {
        return Ok(None);
    };
    let at = At::Id(first.id);
    let saved = store.checkpointer.load(&store.key, ns, at).await?;
    let head = saved
        .map(|saved| Head::<T>::of(saved, &graph.inner.topology))
        .transpose()?;
    Ok(head.map(|head| head.state))
}

/// Takes the input in, as the first checkpoint of the namespace.
async fn begin<T: State>(
    graph: &CompiledGraph<T>,
    steps: &mut Steps<'_, T>,
    mut input: T::Update,
) -> Result<(), Stop> {
    let graph = &graph.inner;
    let mint = steps.mint().clone();
    input.prepare(&mut || mint.element());
    let base = steps.head().state.clone();
    let record = steps.is_stored();
    let mut state = base.fork();
    state.reset_untracked();
    let mut step = Step::new(&mint, Removal::User, record);
    state.apply(input, &mut step)?;
    let mut changes = Vec::new();
    state.settle(&base, &step, record.then_some(&mut changes))?;
    let targets = targets_of(
        &graph.topology,
        START,
        Vec::new(),
        &graph.start_routes,
        &state,
    )?;
    let plan = Plan::default().start(&graph.topology, targets);
    steps
        .advance(state, plan, changes, Source::Input, None)
        .await
}

fn stopped(stop: Stop) -> NodeError {
    match stop {
        Stop::Failed(error) => error.into(),
        Stop::Store(error) => error.into(),
        Stop::Cancelled => Error::new(ErrorKind::Cancelled, "the run was cancelled").into(),
        Stop::Parent(command) => NodeError::raised(Raised::Parent(command)),
    }
}
