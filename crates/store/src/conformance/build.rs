//! Commits, made in few words.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use everthread_graph::contract::{
    Admission, Change, ChannelChange, ChannelValue, Checkpoint, CheckpointId, Commit, Element,
    Fence, Json, ListDelta, Multitask, Namespace, NewRun, RunId, RunMark, RunOutcome, Saved,
    Source, StoreError, TaskId, ThreadId, ThreadKey, UserId,
};
use uuid::Uuid;

use crate::{Store, TRANSCRIPT};

/// The time of the first id, in milliseconds.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// Ids that ascend, and the time inside them.
#[derive(Debug, Default)]
pub struct Ids {
    given: AtomicU64,
    by_clock: bool,
}

impl Ids {
    /// The first is the lowest.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ids by the clock, for processes that know nothing of each other.
    #[must_use]
    pub fn by_clock() -> Self {
        Self {
            given: AtomicU64::default(),
            by_clock: true,
        }
    }

    fn uuid(&self) -> Uuid {
        if self.by_clock {
            return Uuid::now_v7();
        }
        let n = self.given.fetch_add(1, Ordering::Relaxed);
        let time = u128::from(EPOCH_MS + n) << 80;
        Uuid::from_u128(time | (7 << 76) | (2 << 62) | u128::from(n))
    }

    /// A checkpoint above every earlier one.
    pub fn checkpoint(&self) -> CheckpointId {
        CheckpointId::from_uuid(self.uuid())
    }

    /// A run.
    pub fn run(&self) -> RunId {
        RunId::from_uuid(self.uuid())
    }

    /// A task.
    pub fn task(&self) -> TaskId {
        TaskId::from_uuid(self.uuid())
    }

    /// A run that asks to be admitted.
    pub fn new_run(&self, policy: Multitask) -> NewRun {
        NewRun {
            id: self.run(),
            graph: "chat".to_owned(),
            input: json("\"input\""),
            policy,
            details: None,
        }
    }
}

/// A thread by its names.
#[must_use]
pub fn key(user: &str, thread: &str) -> ThreadKey {
    ThreadKey {
        user: UserId::new(user).expect("a test names users by printable text"),
        thread: ThreadId::new(thread).expect("a test names threads by printable text"),
    }
}

/// A value from its JSON text.
#[must_use]
pub fn json(text: &str) -> Json {
    Json::parse(text).expect("a test writes valid JSON")
}

/// A message.
#[must_use]
pub fn element(id: &str, role: &str, text: &str) -> Element {
    let body = serde_json::json!({"type": role, "content": text});
    Element {
        id: Some(id.into()),
        body: Json::of(&body).expect("text has a JSON form"),
    }
}

/// The change that appends to a list.
#[must_use]
pub fn append(base_len: usize, elements: Vec<Element>) -> Change {
    let base_len = u32::try_from(base_len).expect("a test's list is short");
    Change::List(ListDelta::append(base_len, elements))
}

/// What a plain channel of a checkpoint holds.
#[must_use]
pub fn value<'a>(saved: &'a Saved, channel: &str) -> Option<&'a ChannelValue> {
    let found = saved.channels.iter().find(|(name, _)| &**name == channel);
    found.map(|(_, value)| value)
}

/// Hands over a step and waits until it is durable.
///
/// # Errors
/// What the store answered.
pub async fn apply(store: &dyn Store, commit: Commit) -> Result<Admission, StoreError> {
    let mut ticket = store.commit(commit).await?;
    let admission = ticket.admitted().await?;
    ticket.durable().await?;
    Ok(admission)
}

/// One step in the making: on a head, outside of any run, in the thread's own graph, if nothing else is said.
#[derive(Debug, Clone)]
pub struct Step {
    commit: Commit,
}

impl Step {
    /// A step after this head, `None` for the first.
    pub fn after(ids: &Ids, key: &ThreadKey, head: Option<CheckpointId>) -> Self {
        let id = ids.checkpoint();
        let at_ms = i64::try_from(id.uuid().as_u128() >> 80).expect("48 bits fit");
        Self {
            commit: Commit {
                key: key.clone(),
                checkpoint: Checkpoint {
                    id,
                    ns: Namespace::root(),
                    parent: head,
                    run: None,
                    source: Source::Loop,
                    step: 0,
                    plan: json("{\"next\":[]}"),
                    metadata: None,
                    at_ms,
                },
                expected: head,
                changes: Vec::new(),
                run: RunMark::Outside,
            },
        }
    }

    /// The id that it will have.
    #[must_use]
    pub fn id(&self) -> CheckpointId {
        self.commit.checkpoint.id
    }

    /// From another parent than the head.
    #[must_use]
    pub fn from(mut self, parent: Option<CheckpointId>) -> Self {
        self.commit.checkpoint.parent = parent;
        self.commit.checkpoint.source = Source::Fork;
        self
    }

    /// In a subgraph's namespace.
    #[must_use]
    pub fn within(mut self, ns: &Namespace) -> Self {
        self.commit.checkpoint.ns = ns.clone();
        self
    }

    /// With a change.
    #[must_use]
    pub fn change(mut self, channel: &str, change: Change) -> Self {
        self.commit.changes.push(ChannelChange {
            channel: Arc::from(channel),
            change,
        });
        self
    }

    /// With a plain value, as JSON text.
    #[must_use]
    pub fn set(self, channel: &str, text: &str) -> Self {
        self.change(channel, Change::Set(json(text)))
    }

    /// With messages at the end of a conversation of this length.
    #[must_use]
    pub fn say(self, base_len: usize, messages: Vec<Element>) -> Self {
        self.change(TRANSCRIPT, append(base_len, messages))
    }

    /// Admitting this run.
    #[must_use]
    pub fn start(mut self, run: &NewRun) -> Self {
        self.commit.checkpoint.run = Some(run.id);
        self.commit.checkpoint.source = Source::Input;
        self.commit.run = RunMark::Start(run.clone());
        self
    }

    /// As a step of this run.
    #[must_use]
    pub fn step(mut self, run: RunId, fence: Fence) -> Self {
        self.commit.checkpoint.run = Some(run);
        self.commit.run = RunMark::Step(run, fence);
        self
    }

    /// As the last step of this run.
    #[must_use]
    pub fn end(mut self, run: RunId, fence: Fence) -> Self {
        self.commit.checkpoint.run = Some(run);
        self.commit.run = RunMark::End(run, fence, RunOutcome::Success);
        self
    }

    /// With other details.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Commit)) -> Self {
        change(&mut self.commit);
        self
    }

    /// The commit.
    #[must_use]
    pub fn build(self) -> Commit {
        self.commit
    }
}
