//! One step: its tasks run on one snapshot, and what they wrote becomes the new head.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use uuid::Uuid;

use super::{Durability, Rest, Steps, Stop, answers_of, outputs_of, targets_of, task, writes};
use crate::command::Command;
use crate::context::{Context, TaskCx};
use crate::contract::{Json, Namespace, Removal, Source, TaskId};
use crate::error::{Error, ErrorKind};
use crate::event::EventData;
use crate::head::Head;
use crate::interrupt::{Answers, Interrupt};
use crate::node::{Control, NodeError, Raised};
use crate::plan::{Finished, NodeRef, Planned, Topology};
use crate::state::{State, Step, Update};
use crate::stream::StreamModes;

/// Steps after which the run lets others of its thread have a turn.
const STEPS_BETWEEN_YIELDS: u32 = 32;

/// A task of the step, in the order of paths.
pub(crate) struct Task<S: State> {
    pub(crate) node: NodeRef,
    pub(crate) id: TaskId,
    pub(crate) arg: Option<Json>,
    /// Its result: known before, or from its run.
    pub(crate) result: Option<Command<S>>,
}

type Done<S> = (usize, Result<Command<S>, NodeError>);

/// A task's id: it follows from the checkpoint, the namespace, and the task's place in the step.
fn task_id(base: Uuid, ns: &Namespace, step: i64, name: &str, push: Option<usize>) -> TaskId {
    let kind = push.map_or_else(|| "pull".to_owned(), |at| format!("push {at}"));
    let text = format!("{}\n{step}\n{name}\n{kind}", ns.as_str());
    TaskId::from_uuid(Uuid::new_v5(&base, text.as_bytes()))
}

/// The tasks that a head's plan asks for; those that are finished already have their results.
pub(crate) fn tasks_of<S: State>(
    topology: &Topology,
    ns: &Namespace,
    head: &Head<S>,
    run: Uuid,
) -> Result<Vec<Task<S>>, Error> {
    let base = head.plan.anchor.or(head.id).map_or(run, |id| id.uuid());
    let mut outputs = outputs_of::<S>(&head.pending)?;
    let mut tasks = Vec::with_capacity(head.plan.next.len());
    for (at, planned) in head.plan.next.iter().enumerate() {
        let (push, arg) = match planned {
            Planned::Push { arg, .. } => (Some(at), Some(arg.clone())),
            Planned::Pull { .. } => (None, None),
        };
        let node = planned.node();
        let id = task_id(base, ns, head.step + 1, topology.name(node), push);
        let known = outputs.iter().position(|(task, _)| *task == id);
        tasks.push(Task {
            node,
            id,
            arg,
            result: known.map(|at| outputs.swap_remove(at).1),
        });
    }
    Ok(tasks)
}

impl<S: State> Steps<'_, S> {
    /// Takes one step; says when the run rests after it.
    pub(super) async fn step(&mut self) -> Result<Option<Rest>, Stop> {
        // Nodes that are ready at once give nobody else a turn.
        if self.taken % STEPS_BETWEEN_YIELDS == STEPS_BETWEEN_YIELDS - 1 {
            tokio::task::yield_now().await;
        }
        if self.run.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if let (Durability::Sync, Some(store)) = (self.run.durability, &self.run.store) {
            self.watch(store.flight.durable()).await??;
        }
        let mut tasks = tasks_of(
            &self.graph.topology,
            &self.ns,
            &self.head,
            self.run.id.uuid(),
        )?;
        let snapshot = self.snapshot()?;
        self.show_started(&tasks).await;
        self.taken += 1;
        let asked = self.run_tasks(&mut tasks, &snapshot).await?;
        if !asked.is_empty() {
            return self.ask(&tasks, asked).await.map(Some);
        }
        self.conclude(tasks).await
    }

    /// The state that the tasks see.
    fn snapshot(&self) -> Result<Arc<S>, Error> {
        let Some(carry) = &self.carry else {
            return Ok(self.head.state.clone());
        };
        let mut state = self.head.state.fork();
        state.apply(
            carry.clone(),
            &mut Step::new(&self.run.mint, Removal::User, false),
        )?;
        Ok(Arc::new(state))
    }

    fn context(&self, task: &Task<S>) -> Result<Context, Error> {
        let mut answers = self.answers.clone();
        let own = answers_of(&self.head.pending, task.id)?;
        if !own.is_empty() {
            let mut all = Answers::clone(&answers);
            all.extend(own);
            answers = Arc::new(all);
        }
        Ok(Context {
            task: Arc::new(TaskCx {
                run: self.run.clone(),
                ns: self.ns.clone(),
                id: task.id,
                node: self.graph.topology.name(task.node).clone(),
                step: self.head.step + 1,
                remaining: self.run.limit.saturating_sub(self.taken),
                arg: task.arg.clone(),
                answers,
                attempt: AtomicU32::new(1),
                asked: AtomicU32::new(0),
                calls: AtomicU32::new(0),
            }),
        })
    }

    /// Runs what has no result yet. The questions that were asked are given back, by task.
    async fn run_tasks(
        &mut self,
        tasks: &mut [Task<S>],
        snapshot: &Arc<S>,
    ) -> Result<Vec<(TaskId, Vec<Interrupt>)>, Stop> {
        let graph = self.graph;
        let mut asked = Vec::new();
        let open: Vec<usize> = (0..tasks.len())
            .filter(|at| tasks[*at].result.is_none())
            .collect();
        if let [only] = open[..] {
            let context = self.context(&tasks[only])?;
            let work = task::run(&graph.nodes[tasks[only].node.0], snapshot.clone(), context);
            let result = self.watch(work).await;
            let result = result.map_err(|stop| self.keep(tasks, stop))?;
            self.take(tasks, (only, result), &mut asked).await?;
            return Ok(asked);
        }
        let mut running = FuturesUnordered::new();
        for at in open {
            let context = self.context(&tasks[at])?;
            let work = task::run(&graph.nodes[tasks[at].node.0], snapshot.clone(), context);
            running.push(work.map(move |result| (at, result)));
        }
        while !running.is_empty() {
            let first = self.watch(running.next()).await;
            let mut next = first.map_err(|stop| self.keep(tasks, stop))?;
            let mut ready = Vec::new();
            while let Some(done) = next {
                ready.push(done);
                next = running.next().now_or_never().flatten();
            }
            self.take_all(tasks, ready, &mut asked, running.is_empty())
                .await?;
        }
        Ok(asked)
    }

    /// Takes what has just finished, and keeps it in the store while others still run.
    async fn take_all(
        &mut self,
        tasks: &mut [Task<S>],
        ready: Vec<Done<S>>,
        asked: &mut Vec<(TaskId, Vec<Interrupt>)>,
        last: bool,
    ) -> Result<(), Stop> {
        let (done, failed): (Vec<_>, Vec<_>) = ready.into_iter().partition(|(_, r)| r.is_ok());
        let finished: Vec<usize> = done.iter().map(|(at, _)| *at).collect();
        for done in done.into_iter().chain(failed) {
            self.take(tasks, done, asked).await?;
        }
        if let (false, Some(store), Some(head)) = (last, self.run.store.clone(), self.head.id) {
            let results = finished.iter().filter_map(|at| {
                let task = &tasks[*at];
                task.result
                    .as_ref()
                    .map(|result| writes::output(task.id, result))
            });
            let results = results.collect::<Result<Vec<_>, _>>()?;
            if !results.is_empty() {
                store.write(head, results, None).await?;
            }
        }
        Ok(())
    }

    async fn take(
        &mut self,
        tasks: &mut [Task<S>],
        (at, result): Done<S>,
        asked: &mut Vec<(TaskId, Vec<Interrupt>)>,
    ) -> Result<(), Stop> {
        let (node, id) = (tasks[at].node, tasks[at].id);
        match result {
            Ok(mut command) => {
                if let Some(parent) = command.parent.take() {
                    return Err(Stop::Parent(*parent));
                }
                let mint = &self.run.mint;
                command.update.prepare(&mut || mint.element());
                self.show_result(id, node, &command).await?;
                tasks[at].result = Some(command);
            }
            Err(error) => match error.into_control() {
                Control::Raised(Raised::Interrupts(interrupts)) => {
                    self.show_finished(id, node, None, None, &interrupts).await;
                    asked.push((id, interrupts));
                }
                Control::Raised(Raised::Parent(command)) => {
                    // A graph that the node called commands the graph above it: this one.
                    let command = Command::from_below(command);
                    return Box::pin(self.take(tasks, (at, command), asked)).await;
                }
                Control::Failed {
                    kind: ErrorKind::Cancelled,
                    ..
                } if self.run.cancel.is_cancelled() => {
                    return Err(self.keep(tasks, Stop::Cancelled));
                }
                failed @ Control::Failed { .. } => {
                    let error = NodeError::from_control(failed);
                    let error = error.into_error(self.graph.topology.name(node));
                    let text = error.to_string();
                    self.show_finished(id, node, None, Some(text.clone()), &[])
                        .await;
                    self.keep_results(tasks)?;
                    self.leftover.push(writes::failed(id, &text)?);
                    return Err(Stop::Failed(error));
                }
            },
        }
        Ok(())
    }

    /// What is finished is kept when the step does not end.
    fn keep(&mut self, tasks: &[Task<S>], stop: Stop) -> Stop {
        match self.keep_results(tasks) {
            Ok(()) => stop,
            Err(error) => Stop::Failed(error),
        }
    }

    fn keep_results(&mut self, tasks: &[Task<S>]) -> Result<(), Error> {
        if self.run.store.is_some() {
            for task in tasks {
                if let Some(result) = &task.result {
                    self.leftover.push(writes::output(task.id, result)?);
                }
            }
        }
        Ok(())
    }

    /// The run rests with questions: they and the results of the other tasks are kept.
    async fn ask(
        &mut self,
        tasks: &[Task<S>],
        asked: Vec<(TaskId, Vec<Interrupt>)>,
    ) -> Result<Rest, Stop> {
        self.flush().await?;
        self.keep_results(tasks)?;
        let mut writes = self.take_leftover();
        let mut questions = Vec::new();
        // In the order of tasks, not of their ends.
        for task in tasks {
            for (_, interrupts) in asked.iter().filter(|(id, _)| *id == task.id) {
                writes.push(writes::asked(task.id, interrupts)?);
                questions.extend(interrupts.iter().cloned());
            }
        }
        let rest = Rest::Asked(questions.clone());
        if let (Some(store), Some(head)) = (&self.run.store, self.head.id) {
            store.write(head, writes, self.outcome(&rest)).await?;
        }
        if self
            .run
            .wants(&self.ns, StreamModes::UPDATES | StreamModes::VALUES)
        {
            self.show(EventData::Interrupted(questions)).await;
        }
        Ok(rest)
    }

    /// Makes the new head of what the tasks wrote.
    async fn conclude(&mut self, tasks: Vec<Task<S>>) -> Result<Option<Rest>, Stop> {
        let graph = self.graph;
        let results = self.results(&tasks)?;
        let base = self.head.state.clone();
        let mut state = base.fork();
        let record = self.run.store.is_some();
        let mint = self.run.mint.clone();
        let mut finished = Vec::with_capacity(tasks.len());
        let mut ran = Vec::with_capacity(tasks.len());
        let mut carried = None;
        if let Some(carry) = self.carry.take() {
            let mut step = Step::new(&mint, Removal::User, record);
            state.apply(carry, &mut step)?;
            carried = Some(step);
        }
        let mut step = Step::new(&mint, Removal::Context, record);
        let alone = tasks.len() == 1;
        for task in tasks {
            let Some(command) = task.result else { continue };
            let routes = &graph.routes[task.node.0];
            let name = graph.topology.name(task.node);
            if self.run.wants(&self.ns, StreamModes::UPDATES) {
                self.withheld.push(EventData::Update {
                    node: name.clone(),
                    update: command.update.to_json()?,
                });
            }
            let targets = if alone || routes.is_empty() {
                state.apply(command.update, &mut step)?;
                targets_of(&graph.topology, name, command.goto, routes, &state)?
            } else {
                // A route sees what its own node wrote, and nothing of the others.
                let mut own = base.fork();
                let mut alone = Step::new(&mint, Removal::Context, false);
                own.apply(command.update.clone(), &mut alone)?;
                state.apply(command.update, &mut step)?;
                targets_of(&graph.topology, name, command.goto, routes, &own)?
            };
            ran.push(task.node);
            finished.push(Finished {
                node: Some(task.node),
                targets,
            });
        }
        if let Some(carried) = carried {
            step.also_written(&carried);
        }
        let mut changes = Vec::new();
        state.settle(&base, &step, record.then_some(&mut changes))?;
        let plan = self.head.plan.advance(&graph.topology, &finished);
        let rest = self.rest_of(&plan, &ran);
        if self.may_defer(rest.is_some(), Source::Loop) {
            self.defer(state, plan, changes, results).await?;
        } else {
            self.advance(state, plan, changes, Source::Loop, rest.as_ref())
                .await?;
        }
        Ok(rest)
    }

    async fn show_started(&self, tasks: &[Task<S>]) {
        if !self.run.wants(&self.ns, StreamModes::TASKS) {
            return;
        }
        for task in tasks.iter().filter(|task| task.result.is_none()) {
            self.show(EventData::TaskStarted {
                task: task.id,
                node: self.graph.topology.name(task.node).clone(),
                step: self.head.step + 1,
                arg: task.arg.clone(),
            })
            .await;
        }
    }

    async fn show_result(
        &self,
        task: TaskId,
        node: NodeRef,
        command: &Command<S>,
    ) -> Result<(), Error> {
        if self.run.wants(&self.ns, StreamModes::TASKS) {
            let result = Some(command.update.to_json()?);
            self.show_finished(task, node, result, None, &[]).await;
        }
        Ok(())
    }

    async fn show_finished(
        &self,
        task: TaskId,
        node: NodeRef,
        result: Option<Json>,
        error: Option<String>,
        interrupts: &[Interrupt],
    ) {
        if self.run.wants(&self.ns, StreamModes::TASKS) {
            self.show(EventData::TaskFinished {
                task,
                node: self.graph.topology.name(node).clone(),
                step: self.head.step + 1,
                result,
                error,
                interrupts: interrupts.to_vec(),
            })
            .await;
        }
    }
}
