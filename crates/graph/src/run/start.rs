//! A run from its call to its output.

use std::sync::Arc;

use super::admit::Opening;
use super::guard::Guard;
use super::{Flight, Input, Rest, RunCx, RunOptions, RunOutput, Steps, Stop, StoreCx, targets_of};
use crate::command::START;
use crate::contract::{Namespace, Removal, RunId, RunOutcome};
use crate::error::{Error, ErrorKind, did_you_mean};
use crate::graph::{CompiledGraph, Inner};
use crate::head::Head;
use crate::plan::{NodeRef, Plan};
use crate::state::{State, Step};
use crate::stream::Outbox;

pub(crate) use super::admit::Call;

/// Runs a graph without a store.
///
/// # Errors
/// As [`Thread::invoke`](crate::Thread::invoke).
pub(crate) async fn stateless<S: State>(
    graph: &CompiledGraph<S>,
    state: Arc<S>,
    input: Input<S>,
    options: RunOptions,
    outbox: Option<(RunId, Arc<Outbox>)>,
) -> Result<RunOutput<S>, Error> {
    let inner = &*graph.inner;
    let (id, outbox) = match outbox {
        Some((id, outbox)) => (id, Some(outbox)),
        None => (
            options.run.unwrap_or_else(|| inner.settings.mint.run()),
            None,
        ),
    };
    let run = Arc::new(RunCx {
        outbox,
        ..RunCx::new(id, &inner.settings, &options)
    });
    let _cancel_work = run.cancel.clone().drop_guard();
    let head = stateless_head(inner, &state, input)?;
    let mut steps = Steps::new(inner, run, Namespace::root(), head);
    add_breakpoints(&mut steps, inner, &options)?;
    steps.show_head(None).await;
    match steps.run(false).await {
        Ok(rest) => Ok(output(&steps, id, rest)),
        Err(stop) => Err(error_of(stop)),
    }
}

fn stateless_head<S: State>(
    graph: &Inner<S>,
    base: &Arc<S>,
    input: Input<S>,
) -> Result<Head<S>, Error> {
    let (update, goto) = match input {
        Input::Update(update) => (update, None),
        Input::Command(command) if command.resume.is_none() => (command.update, Some(command.goto)),
        Input::Command(_) | Input::Resume => {
            return Err(Error::new(
                ErrorKind::NoCheckpointer,
                "a run without a checkpointer leaves nothing to go on with; compile the graph with one",
            ));
        }
    };
    let mut state = base.fork();
    state.reset_untracked();
    let mut step = Step::new(&graph.settings.mint, Removal::User, false);
    state.apply(update, &mut step)?;
    state.settle(base, &step, None)?;
    let empty = Plan::default();
    let plan = match goto {
        None => {
            let routes = &graph.start_routes;
            let targets = targets_of(&graph.topology, START, Vec::new(), routes, &state)?;
            empty.start(&graph.topology, targets)
        }
        Some(goto) => {
            let targets = targets_of(&graph.topology, START, goto, &[], &state)?;
            empty.go(targets)
        }
    };
    Ok(Head {
        step: -1,
        plan,
        ..Head::empty(Arc::new(state))
    })
}

/// Runs a graph on a thread.
///
/// # Errors
/// As [`Thread::invoke`](crate::Thread::invoke).
pub(crate) async fn on_thread<S: State>(
    call: Call<S>,
    flight: Arc<Flight>,
    outbox: Option<Arc<Outbox>>,
) -> Result<RunOutput<S>, Error> {
    let mut guard = Guard::new(call.checkpointer.clone(), call.key.clone(), call.run);
    let inner = call.graph.inner.clone();
    let mut run = RunCx {
        key: Some(call.key.clone()),
        outbox,
        ..RunCx::new(call.run, &inner.settings, &call.options)
    };
    let _cancel_work = run.cancel.clone().drop_guard();
    let admitted = tokio::select! {
        biased;
        () = run.cancel.cancelled() => Err(Stop::Cancelled),
        admitted = call.admit(&mut guard, &flight) => admitted,
    };
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(stop) => {
            guard.withdraw().await;
            return Err(error_of(stop));
        }
    };
    let Opening {
        head,
        resumed,
        carry,
        ..
    } = admitted.opening;
    let Some(store) = admitted.store else {
        guard.withdraw().await;
        let steps = Steps::new(&inner, Arc::new(run), Namespace::root(), head);
        return Ok(output(&steps, call.run, Rest::Done));
    };
    run.store = Some(store.clone());
    let mut steps = Steps::new(&inner, Arc::new(run), Namespace::root(), head);
    steps.carry = carry;
    let rest = match add_breakpoints(&mut steps, &inner, &call.options) {
        Err(error) => Err(Stop::Failed(error)),
        Ok(()) => {
            let made = admitted.ask.as_ref().and_then(|ask| ask.made());
            // A run that goes on with tasks makes no checkpoint first; its readers see the state all the same.
            steps.show_head(made).await;
            steps.run(resumed).await
        }
    };
    let result = finish(&call, &store, &mut steps, rest).await;
    if store.has_ended() {
        guard.over();
    }
    result
}

/// Ends the run in the store, and waits until everything is durable.
async fn finish<S: State>(
    call: &Call<S>,
    store: &StoreCx,
    steps: &mut Steps<'_, S>,
    rest: Result<Rest, Stop>,
) -> Result<RunOutput<S>, Error> {
    let root = Namespace::root();
    match rest {
        Ok(rest) => {
            if let Err(error) = store.flight.durable().await {
                call.graph.forget(&call.key, &root);
                store.note_failure(&error);
                return Err(error.into());
            }
            let output = output(steps, call.run, rest);
            if output.next.is_empty() {
                let head = Arc::new(steps.copy_head());
                call.graph.remember(&call.key, &root, head);
            } else {
                call.graph.forget(&call.key, &root);
            }
            Ok(output)
        }
        Err(stop) => {
            call.graph.forget(&call.key, &root);
            let outcome = match &stop {
                Stop::Cancelled => Some(RunOutcome::Cancelled),
                Stop::Failed(error) => Some(RunOutcome::Error(error.to_string())),
                Stop::Parent(_) => Some(RunOutcome::Error(NO_PARENT.to_owned())),
                Stop::Store(error) => {
                    store.note_failure(error);
                    None
                }
            };
            if let (Some(outcome), false) = (outcome, store.has_ended()) {
                if let Err(Stop::Store(error)) = steps.flush().await {
                    store.note_failure(&error);
                    return Err(error.into());
                }
                let writes = steps.take_leftover();
                store.write(store.root(), writes, Some(outcome)).await?;
            }
            let durable = store.flight.durable().await;
            match (stop, durable) {
                (stop @ Stop::Store(_), _) | (stop, Ok(())) => Err(error_of(stop)),
                (_, Err(error)) => {
                    store.note_failure(&error);
                    Err(error.into())
                }
            }
        }
    }
}

const NO_PARENT: &str = "a command for the graph above was given where there is none";

fn error_of(stop: Stop) -> Error {
    match stop {
        Stop::Failed(error) => error,
        Stop::Store(error) => error.into(),
        Stop::Cancelled => Error::new(ErrorKind::Cancelled, "the run was cancelled"),
        Stop::Parent(_) => Error::new(ErrorKind::InvalidUpdate, NO_PARENT),
    }
}

fn output<S: State>(steps: &Steps<'_, S>, run: RunId, rest: Rest) -> RunOutput<S> {
    let head = steps.head();
    RunOutput {
        run,
        state: head.state.clone(),
        checkpoint: head.id,
        next: super::steps::names(steps.graph, &head.plan),
        interrupts: match rest {
            Rest::Asked(questions) => questions,
            _ => Vec::new(),
        },
    }
}

/// Stands for every node where breakpoints are named, as in LangGraph.
pub(crate) const EVERY_NODE: &str = "*";

/// Adds the breakpoints of this run to those of the graph.
fn add_breakpoints<S: State>(
    steps: &mut Steps<'_, S>,
    graph: &Inner<S>,
    options: &RunOptions,
) -> Result<(), Error> {
    let find = |name: &String| -> Result<Vec<NodeRef>, Error> {
        if name == EVERY_NODE {
            return Ok((0..graph.nodes.len()).map(NodeRef).collect());
        }
        graph
            .topology
            .find(name)
            .map(|node| vec![node])
            .ok_or_else(|| {
                let hint = did_you_mean(name, graph.topology.names().map(|known| &**known));
                Error::new(
                    ErrorKind::InvalidInput,
                    format!("a breakpoint names the unknown node {name:?}{hint}"),
                )
            })
    };
    for name in &options.before {
        steps.before.extend(find(name)?);
    }
    for name in &options.after {
        steps.after.extend(find(name)?);
    }
    Ok(())
}
