//! The rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use everthread_graph::contract::{
    CheckpointId, Json, Multitask, Namespace, RunId, Source, TaskId, ThreadKey, UserId, WriteSlot,
};

use crate::{Record, RunStatus, Session};

/// One row of a store. A user's rows follow the user, a thread's rows follow the thread.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A document of the deployment.
    Record(Record),
    /// A user's profile.
    User(UserRow),
    /// A session of the user.
    Session(Session),
    /// Something remembered of the user.
    Item(ItemRow),
    /// A thread of the user.
    Thread(ThreadRow),
    /// A line of the thread's history.
    Branch(BranchRow),
    /// The head of one of the thread's namespaces.
    Head(HeadRow),
    /// A run of the thread.
    Run(RunRow),
    /// A checkpoint of the thread.
    Checkpoint(CheckpointRow),
    /// A change of a channel.
    Change(ChangeRow),
    /// What a task left at a checkpoint.
    Pending(PendingRow),
    /// A message, or another element of a list.
    Message(MessageRow),
    /// What a run told.
    Event(EventRow),
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Row::Record`]
    Record,
    /// [`Row::User`]
    User,
    /// [`Row::Session`]
    Session,
    /// [`Row::Item`]
    Item,
    /// [`Row::Thread`]
    Thread,
    /// [`Row::Branch`]
    Branch,
    /// [`Row::Head`]
    Head,
    /// [`Row::Run`]
    Run,
    /// [`Row::Checkpoint`]
    Checkpoint,
    /// [`Row::Change`]
    Change,
    /// [`Row::Pending`]
    Pending,
    /// [`Row::Message`]
    Message,
    /// [`Row::Event`]
    Event,
}

/// A profile.
#[derive(Debug, Clone, PartialEq)]
pub struct UserRow {
    /// Who.
    pub id: UserId,
    /// What to call them.
    pub name: Option<String>,
    /// Preferences, a JSON object.
    pub preferences: Option<Json>,
    /// When the user was first seen, in milliseconds since 1970-01-01 UTC, as every time here.
    pub created_ms: i64,
    /// When a turn of theirs was last committed.
    pub active_ms: i64,
    /// Whether nothing of theirs may be erased.
    pub held: bool,
}

/// A remembered value. One that has ended is there as long as its row is.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRow {
    /// The namespace, outermost part first.
    pub namespace: Vec<String>,
    /// The key within the namespace.
    pub key: String,
    /// The value.
    pub value: Json,
    /// When the key was first stored.
    pub created_ms: i64,
    /// When it was last stored.
    pub updated_ms: i64,
    /// When it ends; `None` for never.
    pub expires_ms: Option<i64>,
    /// How long it was given, in milliseconds; `None` for ever.
    pub ttl_ms: Option<i64>,
}

/// A thread: what people see of it, and the highest numbers that were given in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadRow {
    /// Whose, and which.
    pub key: ThreadKey,
    /// Its title, once it has one.
    pub title: Option<String>,
    /// Whether it is listed first.
    pub pinned: bool,
    /// Whether it is left out of lists.
    pub archived: bool,
    /// Free metadata, a JSON object.
    pub metadata: Option<Json>,
    /// When it was created.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// When it may be removed; `None` for never.
    pub expires_ms: Option<i64>,
    /// The highest fence.
    pub fence: u64,
    /// The highest number of a message.
    pub seq: u64,
    /// The highest number of a change.
    pub change: u64,
    /// The highest number of a run.
    pub run: u64,
    /// The highest number of a branch.
    pub branch: u64,
    /// Messages in the transcript of the head.
    pub messages: u64,
    /// Runs that came to rest.
    pub turns: u64,
    /// Checkpoints up to this one may have been pruned.
    pub pruned: Option<CheckpointId>,
}

/// A line of the history of a thread's own graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchRow {
    /// Its number.
    pub branch: u64,
    /// The line that it left; `None` when it begins from nothing.
    pub parent: Option<u64>,
    /// Where it left.
    pub forked_at: Option<CheckpointId>,
    /// When it began.
    pub created_ms: i64,
}

/// The head of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    /// The namespace.
    pub ns: Namespace,
    /// The head; `None` when a rollback left none.
    pub checkpoint: Option<CheckpointId>,
    /// The highest checkpoint that the namespace ever had.
    pub last: CheckpointId,
    /// The line that it is on.
    pub branch: u64,
}

/// A run. One that is active or waits has, once written, no process that carries it out: it is there to be
/// [claimed](crate::Store::claim).
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its number in the thread.
    pub run: u64,
    /// Its id.
    pub id: RunId,
    /// The graph's name.
    pub graph: String,
    /// How it stands.
    pub status: RunStatus,
    /// Its fence; `None` when it never began.
    pub fence: Option<u64>,
    /// The head before it began.
    pub base: Option<CheckpointId>,
    /// Its input, kept only while it waits.
    pub input: Option<Json>,
    /// When it was asked for.
    pub created_ms: i64,
    /// When it came to rest.
    pub ended_ms: Option<i64>,
    /// Why it failed, or which other run stopped it.
    pub error: Option<String>,
    /// What was to happen when it found another run active.
    pub policy: Multitask,
    /// It does not begin before this time.
    pub starts_ms: Option<i64>,
    /// What is kept with it for whoever asked for it.
    pub details: Option<Json>,
}

/// A checkpoint, with the number of the change that last set each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointRow {
    /// Its id.
    pub id: CheckpointId,
    /// Which graph of the thread it belongs to.
    pub ns: Namespace,
    /// What its changes apply to.
    pub parent: Option<CheckpointId>,
    /// The line that it is on.
    pub branch: u64,
    /// The number of the run that made it. The run itself may be gone.
    pub run: Option<u64>,
    /// What made it.
    pub source: Source,
    /// Its step.
    pub step: i64,
    /// When it was made.
    pub at_ms: i64,
    /// For each channel that has a value, the number of a change.
    pub channels: BTreeMap<String, u64>,
    /// What runs next, opaque to stores.
    pub plan: Json,
    /// Free metadata.
    pub metadata: Option<Json>,
}

/// A change of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// Its number in the thread.
    pub change: u64,
    /// Whether it is a list's.
    pub list: bool,
    /// The value; of a list, which elements, as [`StoredList`](crate::StoredList) writes it.
    pub body: Json,
}

/// What a task left at a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRow {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// The task.
    pub task: TaskId,
    /// What kind of thing it left.
    pub slot: WriteSlot,
    /// The engine's own form of it.
    pub body: Json,
}

/// An element of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Its number in the thread.
    pub seq: u64,
    /// The list's channel.
    pub channel: Arc<str>,
    /// Whether the channel is one of the thread's own graph, rather than of a subgraph.
    pub root: bool,
    /// The line of history that it was said on.
    pub branch: u64,
    /// The number of the run that wrote it.
    pub run: Option<u64>,
    /// When it was committed.
    pub at_ms: i64,
    /// Its id, where it has one.
    pub id: Option<Arc<str>>,
    /// The element without its id.
    pub body: Json,
}

/// One thing that a run told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The run's id. The run itself may be gone, or not be there yet.
    pub run: RunId,
    /// The event's number in the run.
    pub seq: u64,
    /// When it was kept.
    pub at_ms: i64,
    /// What it told.
    pub body: Json,
}

impl Kind {
    /// All of them, in the order in which rows come.
    pub const ALL: [Self; 13] = [
        Self::Record,
        Self::User,
        Self::Session,
        Self::Item,
        Self::Thread,
        Self::Branch,
        Self::Head,
        Self::Run,
        Self::Checkpoint,
        Self::Change,
        Self::Pending,
        Self::Message,
        Self::Event,
    ];

    /// The name of many, as archives have it.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Record => "records",
            Self::User => "users",
            Self::Session => "sessions",
            Self::Item => "items",
            Self::Thread => "threads",
            Self::Branch => "branches",
            Self::Head => "heads",
            Self::Run => "runs",
            Self::Checkpoint => "checkpoints",
            Self::Change => "channel_changes",
            Self::Pending => "pending_writes",
            Self::Message => "messages",
            Self::Event => "run_events",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_plural(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.plural() == name)
    }
}

impl RunRow {
    /// Whether it is active or waits.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.status, RunStatus::Running | RunStatus::Pending)
    }
}

impl Row {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Record(_) => Kind::Record,
            Self::User(_) => Kind::User,
            Self::Session(_) => Kind::Session,
            Self::Item(_) => Kind::Item,
            Self::Thread(_) => Kind::Thread,
            Self::Branch(_) => Kind::Branch,
            Self::Head(_) => Kind::Head,
            Self::Run(_) => Kind::Run,
            Self::Checkpoint(_) => Kind::Checkpoint,
            Self::Change(_) => Kind::Change,
            Self::Pending(_) => Kind::Pending,
            Self::Message(_) => Kind::Message,
            Self::Event(_) => Kind::Event,
        }
    }

    /// The memory that it takes, about, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let json = |value: &Option<Json>| value.as_ref().map_or(0, |value| value.as_str().len());
        let text = |value: &Option<String>| value.as_ref().map_or(0, String::len);
        let held = match self {
            Self::Record(row) => row.body.as_str().len(),
            Self::User(row) => text(&row.name) + json(&row.preferences),
            Self::Session(row) => row.id.len() + row.client.len(),
            Self::Item(row) => row.value.as_str().len() + row.key.len(),
            Self::Thread(row) => text(&row.title) + json(&row.metadata),
            Self::Branch(_) | Self::Head(_) => 0,
            Self::Run(row) => json(&row.input) + text(&row.error) + json(&row.details),
            Self::Checkpoint(row) => {
                let names: usize = row.channels.keys().map(|name| name.len() + 48).sum();
                names + row.plan.as_str().len() + json(&row.metadata)
            }
            Self::Change(row) => row.body.as_str().len(),
            Self::Pending(row) => row.body.as_str().len(),
            Self::Message(row) => row.body.as_str().len(),
            Self::Event(row) => row.body.as_str().len(),
        };
        size_of::<Self>() + held
    }
}
