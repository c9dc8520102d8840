//! Where a request's messages go: which thread, from which checkpoint, and what of them is new.

use std::sync::Arc;

use axum::http::HeaderMap;
use everthread_graph::contract::At;
use everthread_graph::contract::{CheckpointId, Json, Multitask, RunId, ThreadId, ThreadKey};
use everthread_graph::{AnyGraph, AnyInput, AnyState};
use everthread_store::{RunStatus, Thread, ThreadStatus};
use serde_json::{Map, Value, json};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::history;
use super::message::{Message, Role};
use super::name::{self, Named};
use super::refusal::Refusal;
use super::side;
use super::tail::{Tail, tail};
use crate::app::App;
use crate::assistants::Resolved;
use crate::identity::Caller;
use crate::thread_graph::metadata;

/// Where a run begins, and with what.
pub(crate) struct Place {
    pub(crate) key: ThreadKey,
    /// `None` for the head.
    pub(crate) begin: Option<CheckpointId>,
    pub(crate) input: AnyInput,
    pub(crate) policy: Multitask,
    /// The thread goes when the run has ended.
    pub(crate) temporary: bool,
    /// The thread's metadata do not name graph and assistant yet.
    pub(crate) name_thread: bool,
    /// Until the run has begun, nobody else looks at the thread to begin one.
    turn: Option<OwnedMutexGuard<()>>,
}

/// A thread as it is now.
pub(crate) struct Known {
    pub(crate) thread: Thread,
    pub(crate) state: Option<AnyState>,
    pub(crate) messages: Vec<Message>,
}

impl Known {
    /// A thread of the caller's; `None` when there is none.
    ///
    /// # Errors
    /// 400 when it is of another graph; as the store and the engine answer.
    pub(crate) async fn read(
        app: &App,
        key: &ThreadKey,
        graph: &Arc<dyn AnyGraph>,
    ) -> Result<Option<Self>, Refusal> {
        let Some(thread) = app.store.thread(key).await? else {
            return Ok(None);
        };
        let other = match app.graph_of(key, &thread).await? {
            Some(of) => (of.name() != graph.name()).then(|| of.name().to_owned()),
            None => metadata(&thread)
                .get("graph_id")
                .and_then(Value::as_str)
                .map(str::to_owned),
        };
        if let Some(other) = other {
            return Err(Refusal::wrong(
                "model",
                format!(
                    "the conversation {} belongs to the graph {other:?}, and {:?} answers here",
                    key.thread,
                    graph.name()
                ),
            ));
        }
        let state = match thread.head {
            Some(_) => graph.state(key, At::Head, false).await?,
            None => None,
        };
        let messages = state.as_ref().map(history::messages).unwrap_or_default();
        Ok(Some(Self {
            thread,
            state,
            messages,
        }))
    }

    /// How a new run begins here: not beside one that makes a reply; but what goes on behind a reply, such as a
    /// summary, gives way, as it does to a person in the terminal.
    ///
    /// # Errors
    /// 409 while a reply is made or a run waits.
    pub(crate) async fn policy(&self, app: &App, key: &ThreadKey) -> Result<Multitask, Refusal> {
        if self.thread.status != ThreadStatus::Busy {
            return Ok(Multitask::Reject);
        }
        let alive = app.runs.alive(key).await?;
        let has_reply = self
            .messages
            .last()
            .is_none_or(|last| last.role == Role::Assistant);
        if alive.iter().any(|run| run.status == RunStatus::Pending) {
            return Err(Refusal::busy());
        }
        match alive.is_empty() {
            true => Ok(Multitask::Reject),
            false if has_reply && !self.messages.is_empty() => Ok(Multitask::Interrupt),
            false => Err(Refusal::busy()),
        }
    }

    fn is_named(&self, resolved: &Resolved) -> bool {
        let names = metadata(&self.thread);
        let is = |name: &str, value: &str| names.get(name).and_then(Value::as_str) == Some(value);
        is("graph_id", resolved.graph.name())
            && is("assistant_id", &resolved.assistant.id.to_string())
    }
}

/// An input of these messages, each with an id of its own.
pub(crate) fn input(messages: &[Message]) -> Result<AnyInput, Refusal> {
    let all: Vec<Value> = messages.iter().map(with_id).collect();
    let json = Json::of(&json!({"messages": all}));
    let json = json.map_err(|error| Refusal::wrong("input", error.to_string()))?;
    Ok(AnyInput::Update(json))
}

/// A message as graphs keep it, with an id.
pub(crate) fn with_id(message: &Message) -> Value {
    let mut kept = message.to_state();
    if message.id.is_none() {
        kept["id"] = Uuid::now_v7().to_string().into();
    }
    kept
}

impl Place {
    /// A thread of the run's own, which goes with it.
    pub(crate) fn temporary(
        caller: &Caller,
        run: RunId,
        messages: &[Message],
    ) -> Result<Self, Refusal> {
        let thread = crate::params::thread_id(&run.to_string())?;
        Ok(Self {
            key: caller.key(thread),
            begin: None,
            input: input(messages)?,
            policy: Multitask::Reject,
            temporary: true,
            name_thread: false,
            turn: None,
        })
    }

    /// A thread that is made by the run and stays.
    pub(crate) fn new(key: ThreadKey, messages: &[Message]) -> Result<Self, Refusal> {
        Ok(Self {
            key,
            begin: None,
            input: input(messages)?,
            policy: Multitask::Reject,
            temporary: false,
            name_thread: true,
            turn: None,
        })
    }

    /// A thread that is there, from this checkpoint or from its head.
    pub(crate) fn of(
        key: ThreadKey,
        known: &Known,
        resolved: &Resolved,
        begin: Option<CheckpointId>,
        input: AnyInput,
    ) -> Self {
        Self {
            key,
            begin,
            input,
            policy: Multitask::Reject,
            temporary: false,
            name_thread: !known.is_named(resolved),
            turn: None,
        }
    }

    /// Begins in this way.
    pub(crate) fn policy(mut self, policy: Multitask) -> Self {
        self.policy = policy;
        self
    }

    /// Keeps others from beginning until this has begun.
    pub(crate) fn holding(mut self, turn: OwnedMutexGuard<()>) -> Self {
        self.turn = Some(turn);
        self
    }

    /// Where a chat completion goes: to the conversation that it names, or to none. A side job goes to none.
    ///
    /// # Errors
    /// 400 for a wrong name or when there is nothing to answer, 409 while the conversation is busy.
    pub(crate) async fn of_completion(
        app: &App,
        caller: &Caller,
        resolved: &Resolved,
        run: RunId,
        said: &Said<'_>,
    ) -> Result<Self, Refusal> {
        let Said {
            headers,
            metadata,
            user,
            messages,
        } = *said;
        if messages.is_empty() {
            return Err(Refusal::wrong(
                "messages",
                "messages: nothing is said beside what opens the context",
            ));
        }
        let last = messages.last().map(|last| last.content.text());
        let named = name::named(headers, metadata, user)?;
        match named {
            Some(named) if !side::is_side_job(headers, metadata, &last.unwrap_or_default()) => {
                remembered(app, caller, resolved, named, messages).await
            }
            _ => Self::temporary(caller, run, messages),
        }
    }
}

/// What a chat completion says, and what may name its conversation.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) metadata: Option<&'a Map<String, Value>>,
    pub(crate) user: Option<&'a str>,
    pub(crate) messages: &'a [Message],
}

async fn remembered(
    app: &App,
    caller: &Caller,
    resolved: &Resolved,
    named: Named,
    sent: &[Message],
) -> Result<Place, Refusal> {
    let key = caller.key(named.thread);
    let turn = app.openai.turns.take(&key).await;
    let Some(known) = Known::read(app, &key, &resolved.graph).await? else {
        return Ok(Place::new(key, sent)?.holding(turn));
    };
    let policy = known.policy(app, &key).await?;
    let (begin, input) = match tail(&known.messages, sent, named.whole) {
        Tail::New(from) => (None, input(&sent[from..])?),
        Tail::Unanswered => {
            let kept = known.messages.len();
            again(app, resolved, &key, &known, kept).await?
        }
        Tail::Fork { kept, from } if from == sent.len() => {
            again(app, resolved, &key, &known, kept).await?
        }
        Tail::Fork { kept, from } => fork(app, resolved, &key, &known, kept, (sent, from)).await?,
        Tail::Nothing => {
            return Err(Refusal::wrong(
                "messages",
                "messages: the last one is the assistant's and known already, so there is nothing to answer",
            ));
        }
    };
    let place = Place::of(key, &known, resolved, begin, input);
    Ok(place.policy(policy).holding(turn))
}

/// The beginning of a thread, before all of it.
fn beginning() -> CheckpointId {
    CheckpointId::from_uuid(Uuid::nil())
}

/// The state in which the thread had its first `kept` messages.
async fn state_with(
    app: &App,
    resolved: &Resolved,
    key: &ThreadKey,
    known: &Known,
    kept: usize,
) -> Result<Option<AnyState>, Refusal> {
    let Some(head) = known.thread.head else {
        return Ok(None);
    };
    let wanted = &known.messages[..kept];
    history::with_messages(&*app.store, &*resolved.graph, key, head, wanted).await
}

/// Another branch, which begins after the first `kept` messages. Where that place is no longer there, everything that
/// was sent is said again from the beginning.
async fn fork(
    app: &App,
    resolved: &Resolved,
    key: &ThreadKey,
    known: &Known,
    kept: usize,
    (sent, from): (&[Message], usize),
) -> Result<(Option<CheckpointId>, AnyInput), Refusal> {
    if kept > 0
        && let Some(state) = state_with(app, resolved, key, known, kept).await?
    {
        return Ok((Some(state.checkpoint.id), input(&sent[from..])?));
    }
    Ok((Some(beginning()), input(sent)?))
}

/// A reply to the last of the first `kept` messages: what was to be done there is done (again), or the message is said
/// again where nothing is left to do.
async fn again(
    app: &App,
    resolved: &Resolved,
    key: &ThreadKey,
    known: &Known,
    kept: usize,
) -> Result<(Option<CheckpointId>, AnyInput), Refusal> {
    let head = known.state.as_ref();
    if kept == known.messages.len() && head.is_some_and(|state| !state.next.is_empty()) {
        return Ok((None, AnyInput::Resume));
    }
    let there = state_with(app, resolved, key, known, kept).await?;
    if let Some(state) = there.filter(|state| !state.next.is_empty()) {
        return Ok((Some(state.checkpoint.id), AnyInput::Resume));
    }
    let before = kept.saturating_sub(1);
    fork(
        app,
        resolved,
        key,
        known,
        before,
        (&copies(&known.messages[..kept]), before),
    )
    .await
}

/// The same messages without their ids: said again they are others.
fn copies(messages: &[Message]) -> Vec<Message> {
    let copy = |message: &Message| Message {
        id: None,
        ..message.clone()
    };
    messages.iter().map(copy).collect()
}

/// The key of a conversation that a client names by its id.
///
/// # Errors
/// 404 for what can be no id.
pub(crate) fn key(caller: &Caller, id: &str) -> Result<ThreadKey, Refusal> {
    let thread = ThreadId::new(id).map_err(|_| Refusal::absent("Conversation", id))?;
    Ok(caller.key(thread))
}
