//! The loop of a run: step after step, until it comes to rest.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::{Questions, RunCx, Stop, defer};
use crate::contract::{
    ChannelChange, Checkpoint, Commit, Namespace, RunOutcome, Source, TaskWrites,
};
use crate::error::{Error, ErrorKind};
use crate::event::{Event, EventData, View};
use crate::graph::Inner;
use crate::head::Head;
use crate::plan::{NodeRef, Plan, Planned};
use crate::state::State;
use crate::stream::StreamModes;

/// Why a run came to rest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rest {
    /// Nothing is left to do.
    Done,
    /// A static breakpoint.
    Breakpoint,
    /// Answers are waited for.
    Asked(Questions),
    /// It took all the steps that it may take.
    Limit,
}

/// A graph in the course of a run.
pub(crate) struct Steps<'a, S: State> {
    pub(super) graph: &'a Inner<S>,
    pub(super) run: Arc<RunCx>,
    pub(super) ns: Namespace,
    pub(super) head: Head<S>,
    pub(super) before: Vec<NodeRef>,
    pub(super) after: Vec<NodeRef>,
    /// What the caller wrote while tasks were pending: it goes into the next step.
    pub(super) carry: Option<S::Update>,
    /// Answers from above, for a subgraph.
    pub(super) answers: Arc<crate::interrupt::Answers>,
    /// Steps taken.
    pub(super) taken: u32,
    /// What is to be kept of a step that did not end.
    pub(super) leftover: Vec<TaskWrites>,
    /// What steps without a checkpoint have changed since the head's.
    pub(super) deferred: Option<Vec<ChannelChange>>,
    /// Events that are shown once the step's commit was sent.
    pub(super) withheld: Vec<EventData>,
}

impl<'a, S: State> Steps<'a, S> {
    pub(crate) fn new(graph: &'a Inner<S>, run: Arc<RunCx>, ns: Namespace, head: Head<S>) -> Self {
        Self {
            before: graph.settings.before.clone(),
            after: graph.settings.after.clone(),
            graph,
            run,
            ns,
            head,
            carry: None,
            answers: Arc::default(),
            taken: 0,
            leftover: Vec::new(),
            deferred: None,
            withheld: Vec::new(),
        }
    }

    /// Goes on until the run rests. A run that goes on from a breakpoint passes it.
    pub(crate) async fn run(&mut self, resumed: bool) -> Result<Rest, Stop> {
        if let Some(name) = self.head.plan.unknown.first() {
            return Err(Stop::Failed(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the thread waits at node {name:?}, which this graph does not have; give it a new input, or \
                     bring the node back"
                ),
            )));
        }
        let none: &[NodeRef] = &[];
        let mut rest = self.rest_of(&self.head.plan, none);
        if resumed && rest == Some(Rest::Breakpoint) {
            rest = None;
        }
        if let Some(rest) = &rest {
            self.end_without_step(rest).await?;
        }
        while rest.is_none() {
            rest = self.step().await?;
        }
        match rest {
            Some(Rest::Limit) => Err(Stop::Failed(self.over_limit())),
            Some(rest) => Ok(rest),
            None => unreachable!("the loop ends with a rest"),
        }
    }

    /// Whether the run rests once this plan is the head's, after these nodes have run.
    pub(super) fn rest_of(&self, plan: &Plan, ran: &[NodeRef]) -> Option<Rest> {
        if plan.next.is_empty() && plan.unknown.is_empty() {
            Some(Rest::Done)
        } else if ran.iter().any(|node| self.after.contains(node))
            || plan
                .next
                .iter()
                .any(|task| self.before.contains(&task.node()))
        {
            Some(Rest::Breakpoint)
        } else if self.taken >= self.run.limit {
            Some(Rest::Limit)
        } else {
            None
        }
    }

    fn over_limit(&self) -> Error {
        Error::new(
            ErrorKind::RecursionLimit,
            format!(
                "the run took {} steps, its recursion limit, and still has {} to run; raise the limit \
                 (RunOptions::recursion_limit) or let the graph come to END",
                self.run.limit,
                names(self.graph, &self.head.plan).join(", ")
            ),
        )
    }

    /// The run's outcome in the store, for a write that is its last; subgraphs end with the graph above.
    pub(super) fn outcome(&self, rest: &Rest) -> Option<RunOutcome> {
        if !self.ns.is_root() {
            return None;
        }
        Some(match rest {
            Rest::Done => RunOutcome::Success,
            Rest::Breakpoint | Rest::Asked(_) => RunOutcome::Interrupted,
            Rest::Limit => RunOutcome::Error(format!(
                "the run took {} steps, its recursion limit",
                self.run.limit
            )),
        })
    }

    async fn end_without_step(&self, rest: &Rest) -> Result<(), Stop> {
        let (Some(store), Some(head)) = (&self.run.store, self.head.id) else {
            return Ok(());
        };
        if let Some(outcome) = self.outcome(rest) {
            store.write(head, Vec::new(), Some(outcome)).await?;
        }
        Ok(())
    }

    /// Makes the new head and sends it to the store. `rest` is set when the run rests on it.
    pub(crate) async fn advance(
        &mut self,
        state: S,
        plan: Plan,
        changes: Vec<ChannelChange>,
        source: Source,
        rest: Option<&Rest>,
    ) -> Result<(), Stop> {
        self.make_room(&changes).await?;
        let changes = match self.deferred.take() {
            None => changes,
            Some(deferred) => defer::join(deferred, changes),
        };
        let step = self.head.step + 1;
        let mut sizes = std::mem::take(&mut self.head.sizes);
        sizes.take(&changes);
        let mut head = Head {
            id: None,
            last: None,
            step,
            state: Arc::new(state),
            sizes,
            plan,
            pending: Vec::new(),
        };
        let mut made = None;
        if let Some(store) = self.run.store.clone() {
            let id = store.new_id(&self.run.mint);
            head.id = Some(id);
            head.last = Some(id);
            let checkpoint = Checkpoint {
                id,
                ns: self.ns.clone(),
                parent: self.head.id,
                run: Some(self.run.id),
                source,
                step,
                plan: head.plan.to_json(&self.graph.topology)?,
                metadata: self.run.metadata.clone(),
                at_ms: self.run.mint.now_ms(),
            };
            if self.run.wants(&self.ns, StreamModes::CHECKPOINTS) {
                made = Some(checkpoint.clone());
            }
            store
                .commit(Commit {
                    key: store.key.clone(),
                    checkpoint,
                    expected: self.head.id,
                    changes,
                    run: store.mark(rest.and_then(|rest| self.outcome(rest))),
                })
                .await?;
        }
        self.head = head;
        self.show_step(made.as_ref()).await;
        Ok(())
    }

    /// Shows the step that made the new head to readers, and the head.
    pub(super) async fn show_step(&mut self, made: Option<&Checkpoint>) {
        for event in std::mem::take(&mut self.withheld) {
            self.show(event).await;
        }
        self.show_head(made).await;
    }

    /// Shows the new head to readers.
    pub(super) async fn show_head(&self, checkpoint: Option<&Checkpoint>) {
        if self.run.outbox.is_none() {
            return;
        }
        if let Some(checkpoint) = checkpoint {
            self.show_checkpoint(checkpoint).await;
        }
        if self.run.wants(&self.ns, StreamModes::VALUES) {
            let values = View::new(self.head.state.clone());
            self.show(EventData::Values(values)).await;
        }
    }

    /// Shows the head's checkpoint to readers of checkpoints.
    pub(super) async fn show_checkpoint(&self, checkpoint: &Checkpoint) {
        if self.run.wants(&self.ns, StreamModes::CHECKPOINTS) {
            self.show(EventData::Checkpoint {
                checkpoint: Arc::new(checkpoint.clone()),
                values: View::new(self.head.state.clone()),
                next: names(self.graph, &self.head.plan),
            })
            .await;
        }
    }

    pub(super) async fn show(&self, data: EventData) {
        let ns = self.ns.clone();
        self.run.show(Event { ns, data }).await;
    }

    /// Waits for some work, and meanwhile for writes that fail and for the run to be cancelled.
    pub(super) async fn watch<F: Future>(&self, work: F) -> Result<F::Output, Stop> {
        let mut work = pin!(work);
        let mut cancelled = pin!(self.run.cancel.cancelled());
        poll_fn(|cx| {
            if let Some(store) = &self.run.store
                && let Poll::Ready(error) = store.flight.poll(cx)
            {
                return Poll::Ready(Err(Stop::Store(error)));
            }
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            cancelled.as_mut().poll(cx).map(|()| Err(Stop::Cancelled))
        })
        .await
    }

    /// The head, for the memory of heads.
    pub(crate) fn copy_head(&self) -> Head<S> {
        Head {
            pending: Vec::new(),
            ..self.head.copy()
        }
    }

    pub(crate) fn head(&self) -> &Head<S> {
        &self.head
    }

    pub(crate) fn set_answers(&mut self, answers: Arc<crate::interrupt::Answers>) {
        self.answers = answers;
    }

    pub(crate) fn mint(&self) -> &crate::ids::Mint {
        &self.run.mint
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.run.store.is_some()
    }

    /// Keeps in the store what finished tasks of a step left that did not end.
    pub(crate) async fn keep_leftover(&mut self) -> Result<(), Stop> {
        self.flush().await?;
        let writes = self.take_leftover();
        match (&self.run.store, self.head.id) {
            (Some(store), Some(head)) if !writes.is_empty() => {
                Ok(store.write(head, writes, None).await?)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn take_leftover(&mut self) -> Vec<TaskWrites> {
        std::mem::take(&mut self.leftover)
    }
}

/// The nodes that run next, each once, in order.
pub(crate) fn names<S: State>(graph: &Inner<S>, plan: &Plan) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::with_capacity(plan.next.len());
    for node in plan.next.iter().map(Planned::node) {
        names.push(graph.topology.name(node).clone());
    }
    names
}
