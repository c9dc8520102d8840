//! A thread's state at a checkpoint, as JSON.

use std::sync::Arc;

use super::inside::{Inside, Place};
use crate::contract::{At, Checkpoint, Json, Namespace};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::state::State;
use crate::thread::{StateView, TaskView};

/// A thread's state at a checkpoint.
#[derive(Debug, Clone)]
pub struct AnyState {
    /// The state, an object of channels.
    pub values: Json,
    /// The nodes that run next, in order: empty when nothing is left to do.
    pub next: Vec<Arc<str>>,
    /// The tasks that run next, and what became of them so far.
    pub tasks: Vec<AnyTask>,
    /// The questions that wait for answers.
    pub interrupts: Vec<Interrupt>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// A task of the step that comes next.
#[derive(Debug, Clone)]
pub struct AnyTask {
    /// The task.
    pub task: TaskView,
    /// The graph inside, when the task's node is a subgraph.
    pub inside: Option<AnyInside>,
}

/// What a task's subgraph has come to.
#[derive(Debug, Clone)]
pub struct AnyInside {
    /// Where its checkpoints are.
    pub ns: Namespace,
    /// Its state; `None` when that was not asked for, or the subgraph has not begun.
    pub state: Option<Box<AnyState>>,
}

/// A typed view as JSON, with the states of subgraphs when asked.
pub(super) async fn of<S: State>(
    graph: &dyn Inside,
    view: StateView<S>,
    place: Place<'_>,
    subgraphs: bool,
) -> Result<AnyState, Error> {
    let values = view.values.to_json()?;
    let (next, interrupts, checkpoint) = (view.next, view.interrupts, view.checkpoint);
    // The state is not kept while stores are asked.
    drop(view.values);
    let mut tasks = Vec::with_capacity(view.tasks.len());
    for task in view.tasks {
        let inside = match graph.inside(&task.node) {
            None => None,
            Some(inside) => {
                let ns = place.ns.child(&format!("{}:{}", task.node, task.id));
                let within = Place { ns: &ns, ..place };
                let state = if subgraphs {
                    inside.view(within, At::Head, true).await?
                } else {
                    None
                };
                Some(AnyInside {
                    state: state.map(Box::new),
                    ns,
                })
            }
        };
        tasks.push(AnyTask { task, inside });
    }
    Ok(AnyState {
        values,
        next,
        tasks,
        interrupts,
        checkpoint,
    })
}
