//! What a node knows of its run, and what it can ask of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::contract::{Items, Json, Namespace, RunId, TaskId, ThreadId, UserId};
use crate::event::{Event, EventData};
use crate::interrupt::{Answers, Interrupt, interrupt_id};
use crate::node::{NodeError, Raised};
use crate::run::RunCx;
use crate::stream::StreamModes;

/// What a node knows of its run, and what it can ask of it. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    pub(crate) task: Arc<TaskCx>,
}

/// One task of a step.
pub(crate) struct TaskCx {
    pub(crate) run: Arc<RunCx>,
    pub(crate) ns: Namespace,
    pub(crate) id: TaskId,
    pub(crate) node: Arc<str>,
    pub(crate) step: i64,
    pub(crate) remaining: u32,
    pub(crate) arg: Option<Json>,
    pub(crate) answers: Arc<Answers>,
    pub(crate) attempt: AtomicU32,
    /// How many questions this attempt has asked.
    pub(crate) asked: AtomicU32,
    /// How many graphs this attempt has called.
    pub(crate) calls: AtomicU32,
}

impl Context {
    /// The run.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.task.run.id
    }

    /// Whose run it is; `None` without a thread.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        self.task.run.key.as_ref().map(|key| &key.user)
    }

    /// The thread; `None` without one.
    #[must_use]
    pub fn thread(&self) -> Option<&ThreadId> {
        self.task.run.key.as_ref().map(|key| &key.thread)
    }

    /// The node's name.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.task.node
    }

    /// The task: the same when it runs again after a crash.
    #[must_use]
    pub fn task_id(&self) -> TaskId {
        self.task.id
    }

    /// Which graph of the thread runs: the root, or a subgraph.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.task.ns
    }

    /// The number of this step: that of the checkpoint which it will end with.
    #[must_use]
    pub fn step(&self) -> i64 {
        self.task.step
    }

    /// Which attempt this is, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.task.attempt.load(Ordering::Relaxed)
    }

    /// How many steps the run may still take, this one not counted.
    #[must_use]
    pub fn remaining_steps(&self) -> u32 {
        self.task.remaining
    }

    /// What the caller gave the run as metadata.
    #[must_use]
    pub fn metadata(&self) -> Option<&Json> {
        self.task.run.metadata.as_ref()
    }

    /// What the caller gave the run as its context; `None` when it gave none.
    ///
    /// # Errors
    /// When it does not have the form of `T`.
    pub fn run_context<T: DeserializeOwned>(&self) -> Result<Option<T>, NodeError> {
        let Some(context) = &self.task.run.context else {
            return Ok(None);
        };
        let read = context.read().map(Some);
        read.map_err(|error| {
            NodeError::permanent(format!(
                "the run's context does not have the form that node {:?} expects: {error}",
                self.node()
            ))
        })
    }

    /// The user's long-term memory; `None` when the graph has none.
    #[must_use]
    pub fn items(&self) -> Option<&Arc<dyn Items>> {
        self.task.run.items.as_ref().map(|items| &items.0)
    }

    /// A new id for an element.
    #[must_use]
    pub fn new_id(&self) -> String {
        self.task.run.mint.element()
    }

    /// The id of the `n`th element that this attempt makes: the same when the task runs again after a crash, so that
    /// whoever heard a part of the element knows that it is heard anew; another in another run, and when the node is
    /// tried again in this one.
    #[must_use]
    pub fn lasting_id(&self, n: u32) -> String {
        let mut name = Vec::with_capacity(24);
        name.extend_from_slice(self.run_id().uuid().as_bytes());
        name.extend_from_slice(&self.attempt().to_be_bytes());
        name.extend_from_slice(&n.to_be_bytes());
        Uuid::new_v5(&self.task.id.uuid(), &name).to_string()
    }

    /// Milliseconds since 1970-01-01 UTC, by the graph's clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.task.run.mint.now_ms()
    }

    /// The argument of the [`SendTo`](crate::SendTo) that made this task.
    ///
    /// # Errors
    /// When there is none, or it does not have the form of `A`.
    pub fn arg<A: DeserializeOwned>(&self) -> Result<A, NodeError> {
        let arg = self.task.arg.as_ref().ok_or_else(|| {
            NodeError::permanent("this task was not made by a SendTo and has no argument")
        })?;
        Ok(arg.read()?)
    }

    /// Whether the run is cancelled: what the node does now is for nobody.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.task.run.cancel.is_cancelled()
    }

    /// Waits until the run is cancelled. Nodes are dropped then; this is for work that they started elsewhere.
    pub async fn cancelled(&self) {
        self.task.run.cancel.cancelled().await;
    }

    /// The cancellation of the run, to hand on to work started elsewhere.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        &self.task.run.cancel
    }

    /// Asks a person. The first time the node stops here, and the run with it; when the answer comes, the node
    /// runs again from its top and this call returns. Several calls are answered in the order of the calls.
    ///
    /// # Errors
    /// What stops the node (hand it on with `?`), or that the answer does not have the form of `A`.
    #[expect(
        clippy::unused_async,
        reason = "asking is an await for whoever reads the node"
    )]
    pub async fn interrupt<A: DeserializeOwned>(
        &self,
        question: &(impl Serialize + ?Sized),
    ) -> Result<A, NodeError> {
        let n = self.task.asked.fetch_add(1, Ordering::Relaxed);
        let id = interrupt_id(self.task.id, n);
        match self.task.answers.get(&id) {
            Some(answer) => Ok(answer.read()?),
            None => Err(NodeError::raised(Raised::Interrupts(vec![Interrupt {
                id,
                value: serde_json::to_value(question)?,
            }]))),
        }
    }

    /// Sends something to readers of the stream mode `custom`. Waits while they are far behind; what has no JSON
    /// form is passed over.
    pub async fn emit(&self, value: &(impl Serialize + ?Sized)) {
        if !self.task.run.wants(&self.task.ns, StreamModes::CUSTOM) {
            return;
        }
        if let Ok(value) = Json::of(value) {
            let node = self.task.node.clone();
            self.send(EventData::Custom { node, value }).await;
        }
    }

    /// Sends a piece of a message to readers of the stream mode `messages`, with metadata of its own. Waits while
    /// they are far behind.
    pub async fn emit_message(
        &self,
        chunk: &(impl Serialize + ?Sized),
        metadata: &(impl Serialize + ?Sized),
    ) {
        if !self.wants_messages() {
            return;
        }
        if let (Ok(chunk), Ok(metadata)) = (Json::of(chunk), Json::of(metadata)) {
            let task = &self.task;
            self.send(EventData::Message {
                task: task.id,
                node: task.node.clone(),
                step: task.step,
                chunk,
                metadata,
            })
            .await;
        }
    }

    /// Whether anybody reads the stream mode `messages`: if not, a model need not stream.
    #[must_use]
    pub fn wants_messages(&self) -> bool {
        self.task.run.wants(&self.task.ns, StreamModes::MESSAGES)
    }

    async fn send(&self, data: EventData) {
        let ns = self.task.ns.clone();
        self.task.run.show(Event { ns, data }).await;
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("run", &self.task.run.id)
            .field("node", &self.task.node)
            .field("step", &self.task.step)
            .finish_non_exhaustive()
    }
}
