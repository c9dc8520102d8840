//! What was left at a head beside its state: the caller's own update, and the results of tasks that have finished
//! while others had not.

use super::{outputs_of, targets_of, tasks_of, writes};
use crate::command::{Command, START};
use crate::contract::{Namespace, Removal, WriteSlot};
use crate::error::Error;
use crate::graph::CompiledGraph;
use crate::head::Head;
use crate::ids::Mint;
use crate::state::{State, Step};

/// Updates that are not in the head's state yet.
pub(crate) struct Left<S: State> {
    /// The caller's.
    pub(crate) carry: Option<S::Update>,
    /// Those of finished tasks, in the order of tasks.
    pub(crate) results: Vec<S::Update>,
}

impl<S: State> Left<S> {
    /// What the caller left.
    pub(crate) fn of_caller(head: &Head<S>) -> Result<Self, Error> {
        Ok(Self {
            carry: left_by_caller(head)?.map(|command| command.update),
            results: Vec::new(),
        })
    }

    /// All that was left at a head of the thread's own graph.
    pub(crate) fn at(graph: &CompiledGraph<S>, head: &Head<S>) -> Result<Self, Error> {
        let mut head = head.copy();
        let carry = take_carry(graph, &mut head)?;
        let Some(id) = head.id else {
            return Ok(Self {
                carry,
                results: Vec::new(),
            });
        };
        let tasks = tasks_of(&graph.inner.topology, &Namespace::root(), &head, id.uuid())?;
        let results = tasks.into_iter().filter_map(|task| task.result);
        Ok(Self {
            carry,
            results: results.map(|command| command.update).collect(),
        })
    }

    /// Writes it to a state, the caller's part in a step of its own: a task may write what the caller wrote. Gives
    /// what was written.
    pub(crate) fn apply<'a>(
        self,
        state: &mut S,
        mint: &'a Mint,
        record: bool,
    ) -> Result<Step<'a>, Error> {
        let mut carried = Step::new(mint, Removal::User, record);
        if let Some(carry) = self.carry {
            state.apply(carry, &mut carried)?;
        }
        let mut step = Step::new(mint, Removal::Context, record);
        for result in self.results {
            state.apply(result, &mut step)?;
        }
        step.also_written(&carried);
        Ok(step)
    }
}

/// What the caller left for the pending step.
pub(super) fn left_by_caller<S: State>(head: &Head<S>) -> Result<Option<Command<S>>, Error> {
    let mut of_caller = head
        .pending
        .iter()
        .filter(|writes| writes.task == writes::CALLER && writes.slot == WriteSlot::Output);
    let Some(writes) = of_caller.next() else {
        return Ok(None);
    };
    let mut command = outputs_of::<S>(std::slice::from_ref(writes))?;
    Ok(command.pop().map(|(_, command)| command))
}

/// Takes what the caller left for the pending step into account: its places
/// become tasks, its update is given back.
pub(crate) fn take_carry<S: State>(
    graph: &CompiledGraph<S>,
    head: &mut Head<S>,
) -> Result<Option<S::Update>, Error> {
    let Some(command) = left_by_caller(head)? else {
        return Ok(None);
    };
    let targets = targets_of(
        &graph.inner.topology,
        START,
        command.goto,
        &[],
        &*head.state,
    )?;
    head.plan = std::mem::take(&mut head.plan).go(targets);
    Ok(Some(command.update))
}
