//! What is known of a thread without running it.

use std::fmt;
use std::sync::Arc;

use super::Thread;
use crate::contract::{At, Checkpoint, CheckpointId, HistoryQuery, Json, Namespace, Saved, TaskId};
use crate::error::Error;
use crate::event::View;
use crate::graph::CompiledGraph;
use crate::head::Head;
use crate::interrupt::Interrupt;
use crate::plan::Plan;
use crate::run::{self, Left};
use crate::state::{State, Update};

/// A thread's state at a checkpoint.
pub struct StateView<S: State> {
    /// The state. At the head it has in it what finished tasks of the pending step wrote.
    pub values: Arc<S>,
    /// The nodes that run next, in order: empty when nothing is left to do.
    pub next: Vec<Arc<str>>,
    /// The tasks that run next, and what became of them so far.
    pub tasks: Vec<TaskView>,
    /// The questions that wait for answers.
    pub interrupts: Vec<Interrupt>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

impl<S: State> fmt::Debug for StateView<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateView")
            .field("values", &View::new(self.values.clone()))
            .field("next", &self.next)
            .field("tasks", &self.tasks)
            .field("checkpoint", &self.checkpoint)
            .finish_non_exhaustive()
    }
}

/// A task of the step that comes next.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    /// The task.
    pub id: TaskId,
    /// Its node.
    pub node: Arc<str>,
    /// Its argument, when it was made by a [`SendTo`](crate::SendTo).
    pub arg: Option<Json>,
    /// What it wrote, when it has finished while others had not.
    pub result: Option<Json>,
    /// Why it failed.
    pub error: Option<String>,
    /// What it waits for.
    pub interrupts: Vec<Interrupt>,
}

/// A checkpoint in a thread's history, without its state.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The nodes that run next after it.
    pub next: Vec<Arc<str>>,
}

impl<S: State> Thread<S> {
    /// The thread's state as it is now; `None` when the thread is not there.
    ///
    /// # Errors
    /// `Corrupt`, `InvalidInput`, `NoCheckpointer`, `Store(..)`.
    pub async fn state(&self) -> Result<Option<StateView<S>>, Error> {
        self.saved(At::Head)
            .await?
            .map(|saved| view(&self.graph, &Namespace::root(), saved, true))
            .transpose()
    }

    /// The state as it was recorded in a checkpoint; `None` when the thread has no such checkpoint.
    ///
    /// # Errors
    /// As [`Thread::state`].
    pub async fn state_at(&self, id: CheckpointId) -> Result<Option<StateView<S>>, Error> {
        self.saved(At::Id(id))
            .await?
            .map(|saved| view(&self.graph, &Namespace::root(), saved, false))
            .transpose()
    }

    /// The thread's checkpoints, newest first, at most so many, all with ids below `before`.
    ///
    /// # Errors
    /// As [`Thread::state`].
    pub async fn history(
        &self,
        limit: usize,
        before: Option<CheckpointId>,
    ) -> Result<Vec<HistoryEntry>, Error> {
        let query = HistoryQuery {
            ns: Some(Namespace::root()),
            before,
            limit,
        };
        let checkpoints = self.checkpointer()?.history(&self.key()?, query).await?;
        let topology = &self.graph.inner.topology;
        let entry = |checkpoint: Checkpoint| {
            let plan = Plan::from_json(topology, &checkpoint.plan)?;
            Ok(HistoryEntry {
                next: run::names(&self.graph.inner, &plan),
                checkpoint,
            })
        };
        checkpoints.into_iter().map(entry).collect()
    }

    pub(super) async fn saved(&self, at: At) -> Result<Option<Saved>, Error> {
        let checkpointer = self.checkpointer()?;
        Ok(checkpointer
            .load(&self.key()?, &Namespace::root(), at)
            .await?)
    }
}

/// What is known of a checkpoint of this graph; `live` when it is the head of its namespace.
pub(crate) fn view<S: State>(
    graph: &CompiledGraph<S>,
    ns: &Namespace,
    saved: Saved,
    live: bool,
) -> Result<StateView<S>, Error> {
    let checkpoint = saved.checkpoint.clone();
    let topology = &graph.inner.topology;
    let mut head = Head::<S>::of(saved, topology)?;
    let carry = run::take_carry(graph, &mut head)?;
    let mut left = Left {
        carry,
        results: Vec::new(),
    };
    let mut tasks = Vec::new();
    // Without an id there are no tasks to tell apart; a loaded head has one.
    for task in run::tasks_of(topology, ns, &head, checkpoint.id.uuid())? {
        let result = match &task.result {
            Some(command) => {
                left.results.push(command.update.clone());
                Some(command.update.to_json()?)
            }
            None => None,
        };
        tasks.push(TaskView {
            id: task.id,
            node: topology.name(task.node).clone(),
            arg: task.arg,
            result,
            error: run::error_left(&head.pending, task.id),
            interrupts: run::interrupts_of(&head.pending, task.id)?,
        });
    }
    let values = if live {
        let mut state = head.state.fork();
        left.apply(&mut state, &graph.inner.settings.mint, false)?;
        Arc::new(state)
    } else {
        head.state
    };
    let open = tasks.iter().filter(|task| !live || task.result.is_none());
    Ok(StateView {
        values,
        next: open.map(|task| task.node.clone()).collect(),
        interrupts: tasks
            .iter()
            .flat_map(|task| task.interrupts.clone())
            .collect(),
        tasks,
        checkpoint,
    })
}
