//! One task: the node with its retries and its time-out, and where its result leads.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;

use crate::command::{Command, END, Goto, SendTo};
use crate::context::Context;
use crate::error::{Error, ErrorKind, did_you_mean};
use crate::graph::Route;
use crate::node::{Control, Node, NodeError};
use crate::plan::{Target, Topology};
use crate::state::State;

/// Runs a node until it returns, asks, or has failed for the last time.
pub(super) async fn run<S: State>(
    node: &Node<S>,
    state: Arc<S>,
    context: Context,
) -> Result<Command<S>, NodeError> {
    if node.options.effects
        && let Some(store) = &context.task.run.store
    {
        store.flight.durable().await?;
    }
    let Some(policy) = &node.options.retry else {
        return attempt(node, state, context).await;
    };
    let mut failed = 0;
    loop {
        let error = match attempt(node, state.clone(), context.clone()).await {
            Ok(command) => return Ok(command),
            Err(error) => error,
        };
        failed += 1;
        let raised = !matches!(error.control(), Control::Failed { .. });
        if raised || failed >= policy.attempts || !(policy.retry_on)(&error) {
            return Err(error);
        }
        let task = &context.task;
        tokio::time::sleep(policy.wait(failed, task.run.mint.fraction())).await;
        task.attempt.store(failed + 1, Ordering::Relaxed);
        task.asked.store(0, Ordering::Relaxed);
        task.calls.store(0, Ordering::Relaxed);
    }
}

async fn attempt<S: State>(
    node: &Node<S>,
    state: Arc<S>,
    context: Context,
) -> Result<Command<S>, NodeError> {
    // A node may panic while it makes its future, and while it runs.
    let work = AssertUnwindSafe(async { (node.run)(state, context).await }).catch_unwind();
    let result = match node.options.timeout {
        None => work.await,
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => {
                let context = format!("it took longer than its time-out of {limit:?}");
                return Err(NodeError::failed(ErrorKind::Timeout, context, true));
            }
        },
    };
    result.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| Cow::Borrowed(*text))
            .or_else(|| {
                panic
                    .downcast_ref::<String>()
                    .map(|text| text.as_str().into())
            })
            .unwrap_or(Cow::Borrowed("no message"));
        Err(NodeError::permanent(format!("it panicked: {text}")))
    })
}

/// Where a result leads beside its edges: its own commands, then the node's routes on `state`.
pub(crate) fn targets_of<S: State>(
    topology: &Topology,
    from: &str,
    goto: Vec<Goto>,
    routes: &[Route<S>],
    state: &S,
) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    for place in goto {
        targets.push(target(topology, from, place)?);
    }
    for route in routes {
        let places = (route.choose)(state).map_err(|error| error.into_error(from))?;
        for place in places {
            let place = match place {
                Goto::Node(label) => Goto::Node(named(route, label)?),
                send => send,
            };
            targets.push(target(topology, from, place)?);
        }
    }
    Ok(targets)
}

/// The node that a route's function means.
fn named<S>(route: &Route<S>, label: Cow<'static, str>) -> Result<Cow<'static, str>, Error> {
    let targets = &route.targets.0;
    if targets.is_empty() {
        return Ok(label);
    }
    match targets.iter().find(|(known, _)| *known == label) {
        Some((known, node)) if known == node => Ok(label),
        Some((_, node)) => Ok(Cow::Owned(node.clone())),
        None => {
            let known: Vec<_> = targets.iter().map(|(label, _)| label.as_str()).collect();
            Err(Error::new(
                ErrorKind::Node,
                format!(
                    "the route after {:?} answered {label:?}, which is not one of its targets ({})",
                    route.from,
                    known.join(", ")
                ),
            ))
        }
    }
}

fn target(topology: &Topology, from: &str, place: Goto) -> Result<Target, Error> {
    if place.node() == END {
        return Ok(Target::End);
    }
    let Some(node) = topology.find(place.node()) else {
        let name = place.node();
        let hint = did_you_mean(name, topology.names().map(|known| &**known));
        return Err(Error::new(
            ErrorKind::Node,
            format!("{from:?} leads to the unknown node {name:?}{hint}"),
        ));
    };
    Ok(match place {
        Goto::Node(_) => Target::Node(node),
        Goto::Send(SendTo { arg, .. }) => Target::Push(node, arg),
    })
}
