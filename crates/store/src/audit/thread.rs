//! One thread: whether each of its checkpoints can be restored and its counters agree with its rows.

use std::collections::{BTreeMap, HashMap};

use everthread_graph::contract::{CheckpointId, Json, Multitask, Source, WriteSlot};

use crate::{CheckReport, Ranges, RunStatus, StoredList, TRANSCRIPT};

/// What a thread's own row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThreadCounts {
    /// The highest number of a message.
    pub seq: u64,
    /// The highest number of a channel change.
    pub change: u64,
    /// The highest number of a run.
    pub run: i64,
    /// The highest fence.
    pub fence: i64,
    /// The highest number of a branch.
    pub branch: i64,
    /// Messages in the transcript at the head.
    pub messages: u64,
    /// Runs that came to rest.
    pub turns: u64,
    /// Checkpoints up to this one may have been pruned.
    pub pruned: Option<CheckpointId>,
}

/// A checkpoint's row.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointRow<'a> {
    /// Its id.
    pub id: CheckpointId,
    /// The one that it follows.
    pub parent: Option<CheckpointId>,
    /// What made it, by name.
    pub source: &'a str,
    /// Which tasks come next, as JSON.
    pub plan: &'a str,
    /// Its metadata, as JSON.
    pub metadata: Option<&'a str>,
    /// For each channel the change that last set it, as JSON.
    pub channels: &'a str,
    /// Its line of history.
    pub branch: i64,
}

/// A run's row.
#[derive(Debug, Clone, Copy)]
pub struct RunRow<'a> {
    /// Its number in the thread.
    pub run: i64,
    /// How it stands, by name.
    pub status: &'a str,
    /// Its place: 0 for the active run, its number while it waits.
    pub queue: Option<i64>,
    /// Its fence; 0 when it never began.
    pub fence: i64,
    /// Its policy, by name; `None` for the default.
    pub policy: Option<&'a str>,
    /// What is kept with it, as JSON.
    pub details: Option<&'a str>,
}

/// Reads a thread through: its messages, its changes, its checkpoints, then the rest.
#[derive(Debug)]
pub struct ThreadAudit {
    shown: String,
    counts: ThreadCounts,
    present: Ranges,
    /// `None` for a plain value.
    changes: BTreeMap<u64, Option<StoredList>>,
    checkpoints: HashMap<CheckpointId, BTreeMap<String, u64>>,
    said: u64,
    turns: u64,
    report: CheckReport,
}

impl ThreadAudit {
    /// Begins with the thread's own row; the names are for people.
    #[must_use]
    pub fn new(thread: &str, user: &str, counts: ThreadCounts) -> Self {
        let report = CheckReport {
            threads: 1,
            ..CheckReport::default()
        };
        Self {
            shown: format!("thread {thread} of user {user}"),
            counts,
            present: Ranges::default(),
            changes: BTreeMap::new(),
            checkpoints: HashMap::new(),
            said: 0,
            turns: 0,
            report,
        }
    }

    /// A message, each after those of lower numbers; whether its id is one, and its body.
    pub fn message(&mut self, seq: u64, named: bool, body: &str) {
        self.present.push(seq, seq);
        self.report.messages += 1;
        if !named || Json::parse(body).is_err() {
            self.wrong(format!("message {seq} cannot be read"));
        }
    }

    /// A channel change, each after those of lower numbers; `list` when its body says which messages a list holds.
    pub fn change(&mut self, n: u64, list: bool, body: &str) {
        if n > self.counts.change {
            self.wrong(format!("channel change {n} is above the thread's counter"));
        }
        if !list {
            if Json::parse(body).is_err() {
                self.wrong(format!(
                    "channel change {n} holds no value that can be read"
                ));
            }
            self.changes.insert(n, None);
            return;
        }
        let before = |on: u64| self.changes.get(&on).cloned().flatten();
        let Some(list) = StoredList::read_with(body, before) else {
            self.wrong(format!("channel change {n} holds no list that can be read"));
            return;
        };
        let live = list.state.live.as_ref();
        let complete = self.present.contains_all(&list.state.all)
            && live.is_none_or(|live| self.present.contains_all(live));
        if !complete {
            self.wrong(format!(
                "channel change {n} names messages that are not there"
            ));
        }
        self.changes.insert(n, Some(list));
    }

    /// A checkpoint, each after those of lower ids.
    pub fn checkpoint(&mut self, row: CheckpointRow<'_>) {
        let id = row.id;
        self.report.checkpoints += 1;
        if let Some(parent) = row.parent
            && !self.checkpoints.contains_key(&parent)
            && self.counts.pruned.is_none_or(|pruned| parent > pruned)
        {
            self.wrong(format!("the parent of checkpoint {id} is not there"));
        }
        let readable = Source::from_name(row.source).is_some()
            && Json::parse(row.plan).is_ok()
            && row
                .metadata
                .is_none_or(|metadata| Json::parse(metadata).is_ok());
        if !readable {
            self.wrong(format!("checkpoint {id} cannot be read"));
        }
        let Ok(channels) = serde_json::from_str::<BTreeMap<String, u64>>(row.channels) else {
            self.wrong(format!("checkpoint {id} names its channels wrongly"));
            return;
        };
        for (name, n) in &channels {
            if !self.changes.contains_key(n) {
                self.wrong(format!("checkpoint {id} has lost its channel {name}"));
            }
        }
        self.below("branches", self.counts.branch.max(1), row.branch);
        self.checkpoints.insert(id, channels);
    }

    /// The head of a namespace, and the highest checkpoint that it ever had.
    pub fn head(&mut self, is_root: bool, head: Option<CheckpointId>, last: CheckpointId) {
        let Some(head) = head else {
            return;
        };
        let Some(channels) = self.checkpoints.get(&head) else {
            self.wrong(format!("its head {head} is not there"));
            return;
        };
        if is_root
            && let Some(Some(list)) = channels.get(TRANSCRIPT).and_then(|n| self.changes.get(n))
        {
            self.said = list.state.all.len();
        }
        if last < head {
            self.wrong(format!("its head {head} is above its last checkpoint"));
        }
    }

    /// A run.
    pub fn run(&mut self, row: RunRow<'_>) {
        let RunRow { run, status, .. } = row;
        let stands = match RunStatus::from_name(status) {
            Some(RunStatus::Running) => row.queue == Some(0),
            Some(RunStatus::Pending) => row.queue == Some(run),
            Some(_) => row.queue.is_none(),
            None => false,
        };
        if !stands {
            self.wrong(format!(
                "run number {run} is {status} and stands in the wrong place"
            ));
        }
        let readable = row
            .policy
            .is_none_or(|name| Multitask::from_name(name).is_some())
            && row
                .details
                .is_none_or(|details| Json::parse(details).is_ok());
        if !readable {
            self.wrong(format!("run number {run} cannot be read"));
        }
        self.turns += u64::from(status == RunStatus::Success.as_str());
        self.below("runs", self.counts.run, run);
        self.below("fences", self.counts.fence, row.fence);
    }

    /// What a task left at a checkpoint.
    pub fn pending(&mut self, checkpoint: CheckpointId, slot: &str, body: &str) {
        let fits = self.checkpoints.contains_key(&checkpoint)
            && WriteSlot::from_name(slot).is_some()
            && Json::parse(body).is_ok();
        if !fits {
            self.wrong(format!(
                "what tasks left at checkpoint {checkpoint} cannot be used"
            ));
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(mut self) -> CheckReport {
        let highest = self.present.iter().next_back().unwrap_or(0);
        self.below("messages", self.counts.seq, highest);
        let (said, turns) = (self.said, self.turns);
        if said != self.counts.messages {
            let counted = self.counts.messages;
            self.wrong(format!(
                "it counts {counted} messages and its transcript has {said}"
            ));
        }
        if turns != self.counts.turns {
            let counted = self.counts.turns;
            self.wrong(format!("it counts {counted} turns and has {turns}"));
        }
        self.report
    }

    fn wrong(&mut self, what: impl std::fmt::Display) {
        let what = format!("{what}: restore it from a verified backup");
        self.report.problem(self.shown.clone(), what);
    }

    /// A counter must not be below what was numbered with it, or a number would be given twice.
    fn below<N: Copy + PartialOrd + std::fmt::Display>(
        &mut self,
        name: &str,
        counter: N,
        highest: N,
    ) {
        if counter < highest {
            self.wrong(format!(
                "its counter of {name} is {counter} and there is a number {highest}"
            ));
        }
    }
}
