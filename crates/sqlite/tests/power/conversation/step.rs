//! What a turn writes, worked out before any of it is handed over.

use std::sync::Arc;

use everthread_graph::contract::{
    Change, ChannelChange, ChannelValue, Checkpoint, CheckpointId, Commit, Dropped, Element, Fence,
    Json, ListDelta, Multitask, Namespace, NewRun, Piece, Removal, RunId, RunMark, RunOutcome,
    Source, ThreadKey,
};
use everthread_store::TRANSCRIPT;
use uuid::Uuid;

/// A moment of a conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Point {
    pub(crate) head: Option<CheckpointId>,
    pub(super) step: i64,
    /// What the model would see.
    pub(crate) context: Vec<String>,
    /// What people see.
    pub(crate) transcript: Vec<String>,
}

/// What one turn writes.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(super) run: RunId,
    /// Messages before it.
    before: usize,
    pub(super) steps: Vec<Step>,
}

/// One step that is not handed over yet.
#[derive(Debug, Clone)]
pub(super) struct Step {
    source: Source,
    /// Where it begins when that is not the head.
    parent: Option<CheckpointId>,
    changes: Vec<ChannelChange>,
    pub(super) after: Point,
}

impl Turn {
    /// What it says, in order.
    pub(crate) fn said(&self) -> &[String] {
        &self.steps.last().unwrap().after.transcript[self.before..]
    }

    /// The head when it is done.
    pub(crate) fn head(&self) -> Option<CheckpointId> {
        self.steps.last().unwrap().after.head
    }

    /// The moment after its input.
    pub(super) fn after_input(&self) -> &Point {
        &self.steps[0].after
    }

    pub(super) fn mark(&self, index: usize, fence: Fence) -> RunMark {
        if index == 0 {
            RunMark::Start(new_run(self.run))
        } else if index + 1 == self.steps.len() {
            RunMark::End(self.run, fence, RunOutcome::Success)
        } else {
            RunMark::Step(self.run, fence)
        }
    }
}

impl Point {
    /// A turn from here on.
    pub(super) fn turn(&self, [human, ai]: [String; 2], summarize: bool) -> Turn {
        let input = self.say("human", human, Source::Input);
        let reply = input.after.say("ai", ai, Source::Loop);
        let summary = summarize.then(|| reply.after.summarize());
        Turn {
            run: RunId::from_uuid(Uuid::now_v7()),
            before: self.transcript.len(),
            steps: [input, reply].into_iter().chain(summary).collect(),
        }
    }

    /// A new branch here.
    pub(super) fn fork(&self) -> Step {
        let mut after = self.clone();
        after.advance();
        Step {
            source: Source::Fork,
            parent: self.head,
            changes: Vec::new(),
            after,
        }
    }

    /// A person takes back this message of the context.
    pub(super) fn remove(&self, index: usize) -> Step {
        let mut after = self.clone();
        after.advance();
        let text = after.context.remove(index);
        after.transcript.retain(|kept| *kept != text);
        let len = u32::try_from(self.context.len()).unwrap();
        let index = u32::try_from(index).unwrap();
        let kept = [0..index, index + 1..len]
            .into_iter()
            .filter(|range| !range.is_empty());
        let delta = ListDelta {
            base_len: len,
            pieces: kept.map(Piece::Keep).collect(),
            elements: Vec::new(),
            dropped: vec![Dropped {
                range: index..index + 1,
                reason: Removal::User,
            }],
        };
        Step {
            source: Source::Update,
            parent: None,
            changes: vec![list_change(delta)],
            after,
        }
    }

    fn advance(&mut self) {
        self.head = Some(CheckpointId::from_uuid(Uuid::now_v7()));
        self.step += 1;
    }

    fn say(&self, role: &str, text: String, source: Source) -> Step {
        let mut after = self.clone();
        after.advance();
        let element = Element {
            id: Some(Uuid::now_v7().to_string().into()),
            body: Json::of(&serde_json::json!({"role": role, "content": text})).unwrap(),
        };
        let len = u32::try_from(self.context.len()).unwrap();
        after.context.push(text.clone());
        after.transcript.push(text);
        Step {
            source,
            parent: None,
            changes: vec![list_change(ListDelta::append(len, vec![element]))],
            after,
        }
    }

    fn summarize(&self) -> Step {
        let mut after = self.clone();
        after.advance();
        let len = u32::try_from(self.context.len()).unwrap();
        let gone = len.saturating_sub(2);
        after.context.drain(..usize::try_from(gone).unwrap());
        let dropped = Dropped {
            range: 0..gone,
            reason: Removal::Context,
        };
        let delta = ListDelta {
            base_len: len,
            pieces: vec![Piece::Keep(gone..len)],
            elements: Vec::new(),
            dropped: (gone > 0).then_some(dropped).into_iter().collect(),
        };
        let summary = ChannelChange {
            channel: "summary".into(),
            change: Change::Set(Json::of(&format!("what {gone} messages said")).unwrap()),
        };
        Step {
            source: Source::Loop,
            parent: None,
            changes: vec![list_change(delta), summary],
            after,
        }
    }
}

impl Step {
    pub(super) fn commit(
        &self,
        key: &ThreadKey,
        expected: Option<CheckpointId>,
        mark: RunMark,
        run: Option<RunId>,
    ) -> Commit {
        Commit {
            key: key.clone(),
            checkpoint: Checkpoint {
                id: self.after.head.unwrap(),
                ns: Namespace::root(),
                parent: self.parent.or(expected),
                run,
                source: self.source,
                step: self.after.step,
                plan: Json::trusted("{}"),
                metadata: None,
                at_ms: 1_800_000_000_000 + self.after.step,
            },
            expected,
            changes: self.changes.clone(),
            run: mark,
        }
    }
}

fn new_run(id: RunId) -> NewRun {
    NewRun {
        id,
        graph: "chat".to_owned(),
        input: Json::of(&id.to_string()).unwrap(),
        policy: Multitask::Enqueue,
        details: None,
    }
}

fn list_change(delta: ListDelta) -> ChannelChange {
    ChannelChange {
        channel: TRANSCRIPT.into(),
        change: Change::List(delta),
    }
}

/// The texts of the messages that the model would see.
pub(crate) fn context_of(channels: &[(Arc<str>, ChannelValue)]) -> Vec<String> {
    let of = |(name, value): &(Arc<str>, ChannelValue)| match value {
        ChannelValue::List(list) if &**name == TRANSCRIPT => {
            Some(list.iter().map(|element| content(&element.body)).collect())
        }
        _ => None,
    };
    channels.iter().find_map(of).unwrap_or_default()
}

/// What a message says.
pub(crate) fn content(body: &Json) -> String {
    let body: serde_json::Value = body.read().unwrap();
    body["content"].as_str().unwrap().to_owned()
}
