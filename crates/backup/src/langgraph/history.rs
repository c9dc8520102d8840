//! One conversation: each checkpoint of LangGraph as rows that say what changed since its parent.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Json, Namespace, Removal, Source};
use everthread_store::TRANSCRIPT;
use everthread_store::langgraph::{Checkpoints, Line};
use everthread_store::portable::{BranchRow, CheckpointRow, HeadRow, Row, ThreadRow};
use serde_json::json;
use serde_json::value::RawValue;

use super::Translate;
use super::checkpoint::{Body, Metadata, State, is_steering};
use super::ids::{CheckpointIds, hash};
use super::ledger::{Ledger, Listed, Place, live};
use super::list::Slot;
use super::loss::Losses;
use super::message::{self, Edit};
use super::pending::{self, Pending, SUMMARY};
use super::report::{Leaving, Left};
use super::survey::{Conversation, PROFILE};
use crate::archive::Spools;
use crate::error::BackupError;

/// Channels of a checkpoint, at most.
const MAX_CHANNELS: usize = 1_000;

/// Channels that hold text or nothing.
const TEXTS: &[&str] = &[SUMMARY, "summarized_until"];

/// A conversation on its way.
pub(super) struct History<'a> {
    file: &'a dyn Checkpoints,
    name: &'a Line,
    left: &'a mut Leaving,
    losses: Losses,
    ledger: Ledger<'a>,
    ids: CheckpointIds,
    branches: u64,
    begun_ms: Option<i64>,
    /// The newest checkpoint so far.
    head: Option<Rc<Point>>,
}

/// The number of a value in the archive, and its hash.
type Known = (u64, [u8; 32]);
/// The values of a state, by channel.
type Values = BTreeMap<Arc<str>, Known>;

/// A checkpoint that came over: what its children change.
struct Point {
    id: CheckpointId,
    branch: u64,
    step: i64,
    at_ms: i64,
    source: Source,
    /// The change that last set each plain channel, and the hash of its value.
    values: Values,
    messages: Option<Listed>,
    /// Whether its branch goes on from it.
    extended: std::cell::Cell<bool>,
}

/// What makes a checkpoint of ours.
struct Making<'m> {
    parent: Option<&'m Rc<Point>>,
    /// What its id follows from.
    name: [&'m [u8]; 3],
    source: Source,
    step: Option<i64>,
    at_ms: i64,
    metadata: Option<Json>,
}

impl<'a> History<'a> {
    /// Writes all rows of a conversation; gives the number of its messages.
    pub(super) fn write(
        file: &'a dyn Checkpoints,
        conversation: &'a Conversation,
        how: &Translate,
        spools: &'a mut Spools,
        left: &'a mut Leaving,
    ) -> Result<u64, BackupError> {
        let mut history = Self {
            file,
            name: &conversation.line,
            left,
            losses: Losses::default(),
            ledger: Ledger::new(spools),
            ids: CheckpointIds::default(),
            branches: 0,
            begun_ms: None,
            head: None,
        };
        let ids = file.ids(history.name)?;
        let mut children: HashMap<&str, usize> = HashMap::new();
        for parent in ids.iter().filter_map(|(_, parent)| parent.as_deref()) {
            *children.entry(parent).or_default() += 1;
        }
        let mut points: HashMap<&str, Rc<Point>> = HashMap::new();
        for (id, parent) in &ids {
            let before = parent
                .as_deref()
                .and_then(|parent| points.get(parent))
                .cloned();
            let point = history.checkpoint(id, parent.as_deref(), before.as_ref())?;
            // The children of one that cannot be read follow what was before it.
            if let (Some(point), true) = (point.or(before), children.contains_key(id.as_str())) {
                points.insert(id, point);
            }
            let parent = parent.as_deref().unwrap_or_default();
            if let Some(count) = children.get_mut(parent) {
                *count -= 1;
                if *count == 0 {
                    points.remove(parent);
                }
            }
        }
        history.end(conversation, how, ids.last().map(|(id, _)| id.as_str()))
    }

    /// A checkpoint; `None` when it cannot be read.
    fn checkpoint(
        &mut self,
        id: &str,
        parent_id: Option<&str>,
        parent: Option<&Rc<Point>>,
    ) -> Result<Option<Rc<Point>>, BackupError> {
        let stored = self.file.checkpoint(self.name, id)?;
        let body = Body::of(&stored, &mut self.losses);
        let state = body.as_ref().map_err(String::clone).and_then(Body::state);
        let state = match state {
            Ok(state) => state,
            Err(why) => {
                self.left.note(&self.name.thread, Left::Checkpoint, 1, why);
                return Ok(None);
            }
        };
        let mut metadata = Metadata::of(&stored);
        let own = json!({ "langgraph_checkpoint_id": id });
        metadata
            .more
            .extend(own.as_object().cloned().unwrap_or_default());
        let newest = self.head.as_ref().map_or(0, |head| head.at_ms);
        let making = Making {
            parent,
            name: [
                self.name.thread.as_bytes(),
                self.name.namespace.as_bytes(),
                id.as_bytes(),
            ],
            source: metadata.source.unwrap_or(Source::Loop),
            step: metadata.step,
            at_ms: state.at_ms().unwrap_or(newest),
            metadata: Some(Json::trusted(
                &serde_json::Value::from(metadata.more).to_string(),
            )),
        };
        let place = self.place(&making)?;
        let messages = self.messages(&state, parent_id, &making, place)?;
        let values = self.values(&state, parent)?;
        self.point(making, place, values, messages).map(Some)
    }

    /// Where it stands: on its parent's branch, or on a new one when that has gone on already.
    fn place(&mut self, making: &Making<'_>) -> Result<Place, BackupError> {
        let at_ms = making.at_ms;
        if let Some(parent) = making.parent
            && !parent.extended.replace(true)
        {
            let branch = parent.branch;
            return Ok(Place { branch, at_ms });
        }
        self.branches += 1;
        let row = BranchRow {
            branch: self.branches,
            parent: making.parent.map(|parent| parent.branch),
            forked_at: making.parent.map(|parent| parent.id),
            created_ms: at_ms,
        };
        self.ledger.row(&Row::Branch(row))?;
        Ok(Place {
            branch: self.branches,
            at_ms,
        })
    }

    /// The list of messages at a checkpoint.
    fn messages(
        &mut self,
        state: &State<'_>,
        parent_id: Option<&str>,
        making: &Making<'_>,
        place: Place,
    ) -> Result<Option<Listed>, BackupError> {
        let before = making.parent.and_then(|parent| parent.messages.as_ref());
        let known = live(before);
        let slots = match state.channel_values.get(TRANSCRIPT) {
            Some(list) => self.whole(list, &known),
            None if state.keeps_apart(TRANSCRIPT) => {
                let Some(parent_id) = parent_id else {
                    return Ok(None);
                };
                let written = pending::written(self.file, self.name, parent_id, &mut self.losses)?;
                self.told(&written);
                let name = [&making.name[..], &[b"write"]].concat();
                self.ledger.messages.edited(&known, written.edits, &name)
            }
            None => return Ok(None),
        };
        // What a node takes out is out of the model's context; what a person takes out is gone.
        let by_person = making.source == Source::Update
            || making
                .parent
                .is_some_and(|parent| parent.source == Source::Input);
        let removal = if by_person {
            Removal::User
        } else {
            Removal::Context
        };
        self.ledger.list(before, slots, removal, place).map(Some)
    }

    fn whole(&mut self, list: &RawValue, before: &[u64]) -> Vec<Slot> {
        let (edits, none) = message::read_write(list.get());
        self.no_messages(none);
        let said = edits.into_iter().filter_map(|edit| match edit {
            Edit::Say(said) => Some(said),
            Edit::Remove(_) | Edit::RemoveAll => None,
        });
        let thread = &self.name.thread;
        self.ledger.messages.whole(before, said.collect(), thread)
    }

    fn no_messages(&mut self, count: u64) {
        let why = "they are no messages of a kind that is known";
        self.left.note(&self.name.thread, Left::Message, count, why);
    }

    fn told(&mut self, pending: &Pending) {
        self.no_messages(pending.none);
        for why in &pending.unreadable {
            self.left
                .note(&self.name.thread, Left::Message, 1, why.clone());
        }
    }

    /// All other channels of the state.
    fn values(
        &mut self,
        state: &State<'_>,
        parent: Option<&Rc<Point>>,
    ) -> Result<Values, BackupError> {
        let mut values = BTreeMap::new();
        for (name, value) in &state.channel_values {
            if [TRANSCRIPT, PROFILE].contains(&&**name) || is_steering(name, value) {
                continue;
            }
            let why = if TEXTS.contains(&&**name)
                && !matches!(value.get().as_bytes(), [b'"' | b'n', ..])
            {
                "it is no text"
            } else if values.len() >= MAX_CHANNELS {
                "the state has too many channels"
            } else {
                values.insert(name.as_ref().into(), self.value(name, value.get(), parent)?);
                continue;
            };
            let shown: String = name.chars().take(80).collect();
            self.left.note(
                &self.name.thread,
                Left::Channel,
                1,
                format!("{shown:?}: {why}"),
            );
        }
        Ok(values)
    }

    fn value(
        &mut self,
        name: &str,
        value: &str,
        parent: Option<&Rc<Point>>,
    ) -> Result<Known, BackupError> {
        let hash = hash(&[value.as_bytes()]);
        match parent.and_then(|parent| parent.values.get(name)) {
            Some((change, was)) if *was == hash => Ok((*change, hash)),
            _ => Ok((self.ledger.change(false, value)?, hash)),
        }
    }

    fn point(
        &mut self,
        making: Making<'_>,
        place: Place,
        values: Values,
        messages: Option<Listed>,
    ) -> Result<Rc<Point>, BackupError> {
        let mut channels: BTreeMap<String, u64> = values
            .iter()
            .map(|(name, (change, _))| (name.to_string(), *change))
            .collect();
        if let Some((change, _)) = &messages {
            channels.insert(TRANSCRIPT.to_owned(), *change);
        }
        let step = making
            .step
            .unwrap_or_else(|| making.parent.map_or(-1, |parent| parent.step + 1));
        let id = self.ids.next(making.at_ms, &making.name);
        self.begun_ms.get_or_insert(making.at_ms);
        self.ledger.row(&Row::Checkpoint(CheckpointRow {
            id,
            ns: Namespace::root(),
            parent: making.parent.map(|parent| parent.id),
            branch: place.branch,
            run: None,
            source: making.source,
            step,
            at_ms: making.at_ms,
            channels,
            // Nothing runs next: the nodes of the graph are not here.
            plan: Json::trusted("{}"),
            metadata: making.metadata,
        }))?;
        let point = Rc::new(Point {
            id,
            branch: place.branch,
            step,
            at_ms: making.at_ms,
            source: making.source,
            values,
            messages,
            extended: std::cell::Cell::new(false),
        });
        self.head = Some(Rc::clone(&point));
        Ok(point)
    }

    /// What a run in the middle has said since the newest checkpoint becomes a checkpoint of its own.
    fn finish_run(&mut self, id: &str) -> Result<(), BackupError> {
        let Some(head) = self.head.clone() else {
            return Ok(());
        };
        let stored = self.file.checkpoint(self.name, id)?;
        let Ok(body) = Body::of(&stored, &mut self.losses) else {
            return Ok(());
        };
        let Ok(state) = body.state() else {
            return Ok(());
        };
        let mut pending = pending::written(self.file, self.name, id, &mut self.losses)?;
        pending.take_input(&state);
        self.told(&pending);
        if pending.stopped || state.is_in_the_middle() {
            let why = "it stood in the middle: what it had said is here, it does not go on";
            self.left.note(&self.name.thread, Left::Run, 1, why);
        }
        let summary = pending.summary.filter(|text| text.starts_with('"'));
        if pending.edits.is_empty() && summary.is_none() {
            return Ok(());
        }
        let making = Making {
            parent: Some(&head),
            name: [self.name.thread.as_bytes(), id.as_bytes(), b"pending"],
            source: Source::Loop,
            step: None,
            at_ms: head.at_ms,
            metadata: None,
        };
        let place = self.place(&making)?;
        let before = head.messages.as_ref();
        let slots = self
            .ledger
            .messages
            .edited(&live(before), pending.edits, &making.name);
        let messages = self.ledger.list(before, slots, Removal::Context, place)?;
        let mut values = head.values.clone();
        if let Some(summary) = summary {
            values.insert(SUMMARY.into(), self.value(SUMMARY, &summary, Some(&head))?);
        }
        self.point(making, place, values, Some(messages))?;
        Ok(())
    }

    /// Writes the thread's own row.
    fn end(
        mut self,
        conversation: &Conversation,
        how: &Translate,
        newest: Option<&str>,
    ) -> Result<u64, BackupError> {
        if let Some(newest) = newest {
            self.finish_run(newest)?;
        }
        let thread = &self.name.thread;
        self.left.losses(thread, &self.losses.take());
        let (Some(head), Some(created_ms)) = (self.head, self.begun_ms) else {
            let why = "none of its checkpoints can be read";
            self.left.note(thread, Left::Conversation, 1, why);
            return Ok(0);
        };
        if head.messages.is_none() {
            let why = "its state has no channel `messages`; its other channels are here";
            self.left.note(thread, Left::Message, 1, why);
        }
        self.ledger.row(&Row::Head(HeadRow {
            ns: Namespace::root(),
            checkpoint: Some(head.id),
            last: head.id,
            branch: head.branch,
        }))?;
        let transcript = head
            .messages
            .as_ref()
            .map_or(0, |(_, list)| list.state.all.len());
        let title = self.ledger.opening.as_deref().and_then(how.title);
        let messages = self.ledger.messages.len();
        self.ledger.row(&Row::Thread(ThreadRow {
            key: conversation.key.clone(),
            title,
            pinned: false,
            archived: false,
            metadata: Some(Json::trusted(r#"{"imported_from":"langgraph"}"#)),
            created_ms,
            updated_ms: head.at_ms.max(created_ms),
            expires_ms: None,
            fence: 0,
            seq: messages,
            change: self.ledger.changes,
            run: 0,
            branch: self.branches,
            messages: transcript,
            turns: 0,
            pruned: None,
        }))?;
        Ok(messages)
    }
}
