//! How a run begins in the store: its input becomes a checkpoint, or its answers are kept, and it is admitted.

use std::sync::Arc;

use super::guard::Guard;
use super::hold::Ask;
use super::left::{Left, left_by_caller, take_carry};
use super::{Flight, Input, RunOptions, Stop, StoreCx, targets_of, writes};
use crate::command::{Command, START};
use crate::contract::{
    Admission, At, ChannelChange, Checkpoint, CheckpointId, Checkpointer, Commit, Json, Namespace,
    NewRun, PendingWrites, Removal, RunId, RunMark, Source, StoreErrorKind, TaskWrites, ThreadKey,
};
use crate::error::{Error, ErrorKind};
use crate::graph::CompiledGraph;
use crate::head::Head;
use crate::interrupt::{Interrupt, assign, by_id};
use crate::plan::Plan;
use crate::run::step::tasks_of;
use crate::state::{State, Step, Update};

/// How often a run that finds the head moved begins anew.
const MAX_CONFLICTS: u32 = 16;
/// How often a first write is sent again whose answer was lost.
const MAX_LOST_ANSWERS: u32 = 3;

/// A run on a thread that is about to begin.
pub(crate) struct Call<S: State> {
    pub(crate) graph: CompiledGraph<S>,
    pub(crate) checkpointer: Arc<dyn Checkpointer>,
    pub(crate) key: ThreadKey,
    pub(crate) input: Input<S>,
    pub(crate) options: RunOptions,
    pub(crate) run: RunId,
}

/// Where a run begins.
pub(super) struct Opening<S: State> {
    pub(super) head: Head<S>,
    /// Whether tasks are gone on with, and breakpoints passed.
    pub(super) resumed: bool,
    pub(super) carry: Option<S::Update>,
    /// What is asked of the store; `None` when there is nothing to do.
    ask: Option<Ask>,
}

pub(super) struct Admitted<S: State> {
    pub(super) opening: Opening<S>,
    /// `None` when there was nothing to do.
    pub(super) store: Option<Arc<StoreCx>>,
    /// What the run began with.
    pub(super) ask: Option<Arc<Ask>>,
}

impl<S: State> Call<S> {
    /// Begins, as often as it takes.
    pub(super) async fn admit(
        &self,
        guard: &mut Guard,
        flight: &Arc<Flight>,
    ) -> Result<Admitted<S>, Stop> {
        let root = Namespace::root();
        let mut conflicts = 0;
        let mut fresh = false;
        loop {
            let mut opening = self.open(fresh).await?;
            let Some(ask) = opening.ask.take() else {
                return Ok(Admitted {
                    opening,
                    store: None,
                    ask: None,
                });
            };
            let ask = Arc::new(ask);
            let checkpoint = ask.checkpoint();
            let mut lost = 0;
            let answer = loop {
                match guard.ask(&ask).await {
                    Err(error)
                        if error.kind() == StoreErrorKind::OutcomeUnknown
                            && lost < MAX_LOST_ANSWERS =>
                    {
                        lost += 1;
                    }
                    answer => break answer,
                }
            };
            match answer {
                Ok((Admission::Applied(fence) | Admission::AlreadyApplied(fence), ticket)) => {
                    flight.push(ticket);
                    let store = Arc::new(StoreCx::new(
                        self.checkpointer.clone(),
                        self.key.clone(),
                        self.run,
                        fence,
                        flight.clone(),
                        checkpoint,
                    ));
                    store.raise(opening.head.last);
                    guard.running(store.clone());
                    return Ok(Admitted {
                        opening,
                        store: Some(store),
                        ask: Some(ask),
                    });
                }
                Ok((Admission::Queued { .. }, ticket)) => {
                    // The waiting input is safe before anybody waits.
                    ticket.durable().await?;
                    flight.queue();
                    self.checkpointer.wait_turn(&self.key, self.run).await?;
                }
                Err(error)
                    if error.kind() == StoreErrorKind::Conflict && conflicts < MAX_CONFLICTS =>
                {
                    conflicts += 1;
                }
                Err(error) => return Err(error.into()),
            }
            self.graph.forget(&self.key, &root);
            fresh = true;
        }
    }

    async fn open(&self, fresh: bool) -> Result<Opening<S>, Error> {
        match &self.input {
            Input::Update(update) => {
                let (base, expected) = self.base(fresh).await?;
                let (state, changes) = self.written(&base, update)?;
                let topology = &self.graph.inner.topology;
                let routes = &self.graph.inner.start_routes;
                let targets = targets_of(topology, START, Vec::new(), routes, &state)?;
                let plan = base.plan.start(topology, targets);
                self.checkpoint(&base, expected, Source::Input, state, plan, changes)
            }
            Input::Command(command) => self.open_command(command, fresh).await,
            Input::Resume => self.open_pending(None).await,
        }
    }

    /// A command goes into the step that is pending; without one it is an input that starts where it says.
    async fn open_command(&self, command: &Command<S>, fresh: bool) -> Result<Opening<S>, Error> {
        if let Some(error) = &command.failed {
            return Err(Error::new(ErrorKind::InvalidInput, error.to_string()));
        }
        if command.resume.is_some() {
            return self.open_pending(Some(command)).await;
        }
        let (base, expected) = self.base(fresh).await?;
        if !base.plan.next.is_empty() && base.id == expected {
            return self.open_pending(Some(command)).await;
        }
        let (state, changes) = self.written(&base, &command.update)?;
        let topology = &self.graph.inner.topology;
        let targets = targets_of(topology, START, command.goto.clone(), &[], &state)?;
        let plan = Plan {
            next: Vec::new(),
            writers: vec![topology.start_name()],
            ..base.plan.clone()
        }
        .go(targets);
        self.checkpoint(&base, expected, Source::Input, state, plan, changes)
    }

    /// The checkpoint to begin at, and the head that the commit expects.
    async fn base(&self, fresh: bool) -> Result<(Arc<Head<S>>, Option<CheckpointId>), Error> {
        let root = Namespace::root();
        if let Some(id) = self.options.checkpoint {
            if id.uuid().is_nil() {
                let head = self.load(At::Head).await?;
                let mut base = Head::empty(Arc::new(S::initial()));
                base.last = head.as_ref().and_then(|head| head.last);
                return Ok((Arc::new(base), head.and_then(|head| head.id)));
            }
            let mut base = self.load(At::Id(id)).await?.ok_or_else(|| {
                let context = format!("{} has no checkpoint {id}", self.key);
                Error::new(ErrorKind::Store(StoreErrorKind::NotFound), context)
            })?;
            let head = self.load(At::Head).await?.and_then(|head| head.id);
            if head != base.id {
                base.pending.clear(); // What was left there is of another line.
            }
            return Ok((Arc::new(base), head));
        }
        if !fresh && let Some(head) = self.graph.inner.heads.get(&self.key, &root) {
            let id = head.id;
            return Ok((head, id));
        }
        let head = self.load(At::Head).await?;
        let head = head.unwrap_or_else(|| Head::empty(Arc::new(S::initial())));
        let id = head.id;
        Ok((Arc::new(head), id))
    }

    async fn load(&self, at: At) -> Result<Option<Head<S>>, Error> {
        let saved = self
            .checkpointer
            .load(&self.key, &Namespace::root(), at)
            .await?;
        saved
            .map(|saved| Head::of(saved, &self.graph.inner.topology))
            .transpose()
    }

    /// A state with the caller's update in it, and what that changes. An update that an earlier call brought for
    /// the pending step is not lost with that step.
    fn written(
        &self,
        base: &Head<S>,
        update: &S::Update,
    ) -> Result<(S, Vec<ChannelChange>), Error> {
        let mut changes = Vec::new();
        let mut state = base.state.fork();
        state.reset_untracked();
        let mint = &self.graph.inner.settings.mint;
        let mut step = Step::new(mint, Removal::User, true);
        if base.pending.is_empty() {
            state.apply(update.clone(), &mut step)?;
        } else {
            let carried = Left::of_caller(base)?.apply(&mut state, mint, true)?;
            state.apply(update.clone(), &mut step)?;
            step.also_written(&carried);
        }
        state.settle(&base.state, &step, Some(&mut changes))?;
        Ok((state, changes))
    }

    fn start_mark(&self) -> Result<RunMark, Error> {
        Ok(RunMark::Start(NewRun {
            id: self.run,
            graph: self.graph.inner.name.clone(),
            input: self.input.to_json()?,
            policy: self.options.multitask,
            details: self.options.details.clone(),
        }))
    }

    fn checkpoint(
        &self,
        base: &Head<S>,
        expected: Option<CheckpointId>,
        source: Source,
        state: S,
        mut plan: Plan,
        changes: Vec<ChannelChange>,
    ) -> Result<Opening<S>, Error> {
        let mint = &self.graph.inner.settings.mint;
        let id = mint.checkpoint(expected.max(base.last));
        let step = base.step + 1;
        let mut sizes = base.sizes.clone();
        sizes.take(&changes);
        plan.anchor = None;
        let checkpoint = Checkpoint {
            id,
            ns: Namespace::root(),
            parent: base.id,
            run: Some(self.run),
            source,
            step,
            plan: plan.to_json(&self.graph.inner.topology)?,
            metadata: self.options.metadata.clone(),
            at_ms: mint.now_ms(),
        };
        Ok(Opening {
            head: Head {
                id: Some(id),
                last: Some(id),
                step,
                state: Arc::new(state),
                sizes,
                plan,
                pending: Vec::new(),
            },
            resumed: source == Source::Fork,
            carry: None,
            ask: Some(Ask::Commit(Commit {
                key: self.key.clone(),
                checkpoint,
                expected,
                changes,
                run: self.start_mark()?,
            })),
        })
    }

    /// Goes on with the tasks of the head (or of another checkpoint, on a new branch).
    async fn open_pending(&self, command: Option<&Command<S>>) -> Result<Opening<S>, Error> {
        let nothing = |context: String| Error::new(ErrorKind::NothingToResume, context);
        let Some(mut head) = self.load(At::Head).await? else {
            return Err(nothing(format!(
                "{} has nothing to go on with yet",
                self.key
            )));
        };
        if let Some(id) = self.options.checkpoint.filter(|id| head.id != Some(*id)) {
            if command.is_some() {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("checkpoint {id} is not the head; fork it first, then answer"),
                ));
            }
            let (base, expected) = self.base(true).await?;
            let (state, changes) = (base.state.fork(), Vec::new());
            let plan = base.plan.clone();
            return self.checkpoint(&base, expected, Source::Fork, state, plan, changes);
        }
        let mut writes = Vec::new();
        if let Some(command) = command {
            writes = self.command_writes(&head, command)?;
        }
        head.pending.retain(|old| {
            !writes
                .iter()
                .any(|new| (new.task, new.slot) == (old.task, old.slot))
        });
        head.pending.extend(writes.iter().cloned());
        let carry = take_carry(&self.graph, &mut head)?;
        if head.plan.next.is_empty() && head.plan.unknown.is_empty() {
            return Ok(Opening {
                head,
                resumed: true,
                carry: None,
                ask: None,
            });
        }
        let checkpoint = head
            .id
            .ok_or_else(|| nothing("the head has no id".to_owned()))?;
        Ok(Opening {
            head,
            resumed: true,
            carry,
            ask: Some(Ask::Write(PendingWrites {
                key: self.key.clone(),
                checkpoint,
                writes,
                run: self.start_mark()?,
            })),
        })
    }

    /// What a command leaves at the head: answers for tasks, and its own update and places.
    fn command_writes(
        &self,
        head: &Head<S>,
        command: &Command<S>,
    ) -> Result<Vec<TaskWrites>, Error> {
        let mut all = Vec::new();
        if let Some(answer) = &command.resume {
            all = answers(&self.graph, head, self.run, answer)?;
        }
        if !command.update.is_empty() || !command.goto.is_empty() {
            // An earlier call may have brought an update for the same step.
            let mut whole = left_by_caller(head)?.unwrap_or_default();
            whole.merge(command.clone());
            all.push(writes::output(writes::CALLER, &whole)?);
        }
        Ok(all)
    }
}

/// The writes that give an answer to the tasks that wait for it.
fn answers<S: State>(
    graph: &CompiledGraph<S>,
    head: &Head<S>,
    run: RunId,
    answer: &Json,
) -> Result<Vec<TaskWrites>, Error> {
    let root = Namespace::root();
    let tasks = tasks_of(&graph.inner.topology, &root, head, run.uuid())?;
    // An answer at which its task failed may be replaced, once nothing waits for a first one.
    let (mut waiting, mut failed) = (Vec::new(), Vec::new());
    for task in &tasks {
        waiting.extend(ids(writes::interrupts_of(&head.pending, task.id)?));
        if writes::error_of(&head.pending, task.id).is_some() {
            failed.extend(ids(writes::asked_by(&head.pending, task.id)?));
        }
    }
    let all: Vec<String> = waiting.iter().chain(&failed).cloned().collect();
    let given = match by_id(answer, &all) {
        Some(given) => given,
        None if waiting.is_empty() => assign(answer, &failed)?,
        None => assign(answer, &waiting)?,
    };
    let mut all = Vec::new();
    for task in &tasks {
        let mut own = writes::answers_of(&head.pending, task.id)?;
        let asked = ids(writes::asked_by(&head.pending, task.id)?);
        let new: Vec<_> = asked.filter_map(|id| given.get_key_value(&id)).collect();
        if !new.is_empty() {
            own.extend(
                new.into_iter()
                    .map(|(id, answer)| (id.clone(), answer.clone())),
            );
            all.push(writes::answered(task.id, &own)?);
        }
    }
    Ok(all)
}

fn ids(interrupts: Vec<Interrupt>) -> impl Iterator<Item = String> {
    interrupts.into_iter().map(|interrupt| interrupt.id)
}
