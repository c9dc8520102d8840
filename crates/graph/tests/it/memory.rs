//! The plainest checkpointer that keeps the contract: it holds the whole state of each checkpoint in memory, and
//! checks what the engine asks of it more strictly than a database would.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use everthread_graph::contract::*;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub struct Memory {
    data: Mutex<Data>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Data {
    threads: HashMap<ThreadKey, Thread>,
    /// Answers of writes that are not durable yet, while they are held.
    held: Option<Vec<TicketSender>>,
    /// What the next writes answer instead.
    faults: VecDeque<Fault>,
    loads: usize,
    commits: usize,
    writes: usize,
}

#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Nothing is written.
    Refuse(StoreErrorKind),
    /// It is written, and the answer is lost.
    LoseAnswer,
    /// No fault: the write goes through.
    None,
}

#[derive(Debug, Default)]
struct Thread {
    heads: BTreeMap<Namespace, CheckpointId>,
    saved: BTreeMap<CheckpointId, Saved>,
    fences: HashMap<CheckpointId, Fence>,
    active: Option<Active>,
    fence: i64,
    queue: VecDeque<NewRun>,
    ended: Vec<(RunId, RunOutcome)>,
    fences_ended: Vec<Fence>,
}

#[derive(Debug)]
struct Active {
    run: RunId,
    fence: Fence,
    began_at: Option<CheckpointId>,
}

fn error(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, format!("memory: {kind:?}"))
}

impl Memory {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap()
    }

    /// Holds back every `Durable` from now on.
    pub fn hold(&self) {
        self.data().held = Some(Vec::new());
    }

    /// Gives every `Durable` that was held back.
    pub fn release(&self) {
        for sender in self.data().held.take().unwrap_or_default() {
            sender.settle(Ok(()));
        }
    }

    /// Undoes the last write that is held back, the end of the only run, and fails it.
    pub fn lose(&self, kind: StoreErrorKind) {
        let mut data = self.data();
        let mut held = data.held.take().unwrap_or_default();
        let thread = data.threads.values_mut().next().unwrap();
        let (run, _) = thread.ended.pop().unwrap();
        let fence = thread.fences_ended.pop().unwrap();
        let last = *thread.saved.keys().next_back().unwrap();
        let lost = thread.saved.remove(&last).unwrap().checkpoint;
        thread.heads.insert(lost.ns, lost.parent.unwrap());
        thread.active = Some(Active {
            run,
            fence,
            began_at: None,
        });
        let last = held.pop().unwrap();
        held.into_iter().for_each(|sender| sender.settle(Ok(())));
        last.settle(Err(error(kind)));
    }

    pub fn faults_left(&self) -> usize {
        self.data().faults.len()
    }

    pub fn fault(&self, fault: Fault) {
        self.data().faults.push_back(fault);
    }

    pub fn loads(&self) -> usize {
        self.data().loads
    }

    pub fn commits(&self) -> usize {
        self.data().commits
    }

    pub fn writes(&self) -> usize {
        self.data().writes
    }

    pub fn is_active(&self, key: &ThreadKey) -> bool {
        self.data()
            .threads
            .get(key)
            .is_some_and(|thread| thread.active.is_some())
    }

    pub fn queued(&self, key: &ThreadKey) -> usize {
        self.data()
            .threads
            .get(key)
            .map_or(0, |thread| thread.queue.len())
    }

    /// What the runs were called with that wait, in order.
    pub fn waiting(&self, key: &ThreadKey) -> Vec<NewRun> {
        let data = self.data();
        let thread = data.threads.get(key);
        thread.map_or_else(Vec::new, |thread| thread.queue.iter().cloned().collect())
    }

    /// How the thread's runs ended, in order.
    pub fn outcomes(&self, key: &ThreadKey) -> Vec<String> {
        let data = self.data();
        let ended = data.threads.get(key).map(|thread| thread.ended.clone());
        let ended = ended.unwrap_or_default().into_iter();
        ended
            .map(|(_, outcome)| outcome.as_str().to_owned())
            .collect()
    }

    pub fn pending(&self, key: &ThreadKey) -> Vec<TaskWrites> {
        let data = self.data();
        let thread = &data.threads[key];
        thread.saved[&thread.heads[&Namespace::root()]]
            .pending
            .clone()
    }

    /// Checkpoints in the order of ids, with their sources and steps.
    pub fn history_of(&self, key: &ThreadKey) -> Vec<Checkpoint> {
        let data = self.data();
        let saved = data
            .threads
            .get(key)
            .into_iter()
            .flat_map(|thread| thread.saved.values());
        saved.map(|saved| saved.checkpoint.clone()).collect()
    }

    /// Waits until something was written and the condition holds.
    pub async fn until(&self, condition: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    fn answer(&self, write: impl FnOnce(&mut Data) -> Result<Admission, StoreError>) -> Ticket {
        let (mut sender, ticket) = Ticket::new();
        let mut data = self.data();
        let fault = data.faults.pop_front().unwrap_or(Fault::None);
        let result = match fault {
            Fault::Refuse(kind) => Err(error(kind)),
            Fault::LoseAnswer => write(&mut data).and(Err(error(StoreErrorKind::OutcomeUnknown))),
            Fault::None => write(&mut data),
        };
        match result {
            Ok(admission) => {
                sender.admit(admission);
                match &mut data.held {
                    Some(held) => held.push(sender),
                    None => sender.settle(Ok(())),
                }
            }
            Err(error) => sender.settle(Err(error)),
        }
        drop(data);
        self.changed.notify_waiters();
        ticket
    }
}

impl Thread {
    /// Whether the run may write, or how it is admitted.
    fn admit(&mut self, mark: &RunMark) -> Result<Result<Fence, usize>, StoreError> {
        match mark {
            RunMark::Outside if self.active.is_some() => Err(error(StoreErrorKind::Busy)),
            RunMark::Outside => Ok(Ok(Fence(0))),
            RunMark::Step(run, fence) | RunMark::End(run, fence, _) => match &self.active {
                Some(active) if active.run == *run && active.fence == *fence => Ok(Ok(*fence)),
                _ => Err(error(StoreErrorKind::Fenced)),
            },
            RunMark::Start(new) => self.start(new),
        }
    }

    fn start(&mut self, new: &NewRun) -> Result<Result<Fence, usize>, StoreError> {
        if let Some(active) = self.active.as_ref().filter(|active| active.run == new.id) {
            return Ok(Ok(active.fence));
        }
        let place = self.queue.iter().position(|queued| queued.id == new.id);
        let ahead = place.unwrap_or(self.queue.len()) + usize::from(self.active.is_some());
        if ahead > 0 {
            match new.policy {
                Multitask::Reject => return Err(error(StoreErrorKind::Busy)),
                Multitask::Enqueue => {
                    if place.is_none() {
                        self.queue.push_back(new.clone());
                    }
                    return Ok(Err(ahead));
                }
                Multitask::Interrupt | Multitask::Rollback => {
                    if let Some(active) = self.active.take() {
                        self.ended.push((active.run, RunOutcome::Interrupted));
                        if let (Multitask::Rollback, Some(head)) = (new.policy, active.began_at) {
                            self.heads.insert(Namespace::root(), head);
                        }
                    }
                }
            }
        }
        Ok(Ok(Fence(self.fence + 1)))
    }

    fn applied(&mut self, mark: RunMark, fence: Fence, began_at: Option<CheckpointId>) {
        match mark {
            RunMark::Start(new) => {
                self.fence = fence.0;
                self.queue.retain(|queued| queued.id != new.id);
                if self
                    .active
                    .as_ref()
                    .is_none_or(|active| active.run != new.id)
                {
                    self.active = Some(Active {
                        run: new.id,
                        fence,
                        began_at,
                    });
                }
            }
            RunMark::End(run, _, outcome) => {
                self.active = None;
                self.fences_ended.push(fence);
                self.ended.push((run, outcome));
            }
            RunMark::Step(..) | RunMark::Outside => {}
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<Admission, StoreError> {
        let id = commit.checkpoint.id;
        if self.saved.contains_key(&id) {
            return Ok(Admission::AlreadyApplied(self.fences[&id]));
        }
        let fence = match self.admit(&commit.run)? {
            Ok(fence) => fence,
            Err(ahead) => return Ok(Admission::Queued { ahead }),
        };
        let ns = commit.checkpoint.ns.clone();
        let head = self.heads.get(&ns).copied();
        if head != commit.expected {
            return Err(error(StoreErrorKind::Conflict));
        }
        let mut known = self.saved.values().rev().map(|saved| &saved.checkpoint);
        let highest = known.find(|known| known.ns == ns).map(|known| known.id);
        assert!(
            highest.is_none_or(|highest| highest < id),
            "checkpoint ids rise"
        );
        let parent = commit.checkpoint.parent.map(|parent| &self.saved[&parent]);
        let mut channels = parent
            .map(|parent| parent.channels.clone())
            .unwrap_or_default();
        for change in commit.changes {
            apply(&mut channels, change);
        }
        self.heads.insert(ns, id);
        self.fences.insert(id, fence);
        self.saved.insert(
            id,
            Saved {
                checkpoint: commit.checkpoint,
                last: id,
                channels,
                pending: Vec::new(),
            },
        );
        self.applied(commit.run, fence, head);
        Ok(Admission::Applied(fence))
    }

    fn write(&mut self, writes: PendingWrites) -> Result<Admission, StoreError> {
        if !self.saved.contains_key(&writes.checkpoint) {
            return Err(error(StoreErrorKind::NotFound));
        }
        if let RunMark::End(_, fence, _) = &writes.run
            && self.fences_ended.contains(fence)
        {
            return Ok(Admission::AlreadyApplied(*fence));
        }
        let fence = match self.admit(&writes.run)? {
            Ok(fence) => fence,
            Err(ahead) => return Ok(Admission::Queued { ahead }),
        };
        let saved = self.saved.get_mut(&writes.checkpoint).unwrap();
        let ends = matches!(writes.run, RunMark::End(..)) && writes.writes.is_empty();
        if self.heads[&saved.checkpoint.ns] != writes.checkpoint && !ends {
            return Err(error(StoreErrorKind::Conflict));
        }
        for new in writes.writes {
            saved
                .pending
                .retain(|old| (old.task, old.slot) != (new.task, new.slot));
            saved.pending.push(new);
        }
        saved
            .pending
            .sort_by_key(|writes| (writes.task, writes.slot));
        self.applied(writes.run, fence, Some(writes.checkpoint));
        Ok(Admission::Applied(fence))
    }
}

fn apply(channels: &mut Vec<(Arc<str>, ChannelValue)>, change: ChannelChange) {
    let at = channels
        .iter()
        .position(|(name, _)| *name == change.channel);
    let new = match change.change {
        Change::Clear => None,
        Change::Set(json) => Some(ChannelValue::Value(json)),
        Change::List(delta) => {
            let old = at.map(|at| channels[at].1.clone());
            Some(ChannelValue::List(list(old, delta)))
        }
    };
    if let Some(at) = at {
        channels.remove(at);
    }
    channels.extend(new.map(|new| (change.channel, new)));
}

/// Applies a delta, and checks that it says of every old position what became of it.
pub fn list(old: Option<ChannelValue>, delta: ListDelta) -> Vec<Element> {
    let old = match old {
        None => Vec::new(),
        Some(ChannelValue::List(old)) => old,
        Some(ChannelValue::Value(value)) => panic!("a list delta on the value {value}"),
    };
    assert_eq!(delta.base_len as usize, old.len(), "the delta's base");
    let mut fate = vec![0; old.len()];
    let (mut new, mut kept, mut used) = (Vec::new(), 0, 0);
    for piece in delta.pieces {
        match piece {
            Piece::Keep(range) => {
                assert!(
                    range.start >= kept && range.start < range.end,
                    "kept stretches ascend"
                );
                kept = range.end;
                for at in range {
                    fate[at as usize] += 1;
                    new.push(old[at as usize].clone());
                }
            }
            Piece::New(range) => {
                assert_eq!(range.start, used, "new elements in order");
                used = range.end;
                new.extend(range.map(|at| delta.elements[at as usize].clone()));
            }
        }
    }
    assert_eq!(
        used as usize,
        delta.elements.len(),
        "every new element is used"
    );
    let mut last = 0;
    for dropped in delta.dropped {
        assert!(dropped.range.start >= last, "drops ascend");
        last = dropped.range.end;
        dropped.range.for_each(|at| fate[at as usize] += 1);
    }
    assert!(
        fate.iter().all(|count| *count == 1),
        "each old position has one fate: {fate:?}"
    );
    new
}

#[async_trait]
impl Checkpointer for Memory {
    async fn commit(&self, commit: Commit) -> Result<Ticket, StoreError> {
        Ok(self.answer(|data| {
            data.commits += 1;
            data.threads
                .entry(commit.key.clone())
                .or_default()
                .commit(commit)
        }))
    }

    async fn write(&self, writes: PendingWrites) -> Result<Ticket, StoreError> {
        Ok(self.answer(|data| {
            data.writes += 1;
            data.threads
                .entry(writes.key.clone())
                .or_default()
                .write(writes)
        }))
    }

    async fn load(
        &self,
        key: &ThreadKey,
        ns: &Namespace,
        at: At,
    ) -> Result<Option<Saved>, StoreError> {
        let mut data = self.data();
        data.loads += 1;
        let Some(thread) = data.threads.get(key) else {
            return Ok(None);
        };
        let id = match at {
            At::Head => thread.heads.get(ns).copied(),
            At::Id(id) => Some(id),
        };
        let saved = id.and_then(|id| thread.saved.get(&id));
        let last = thread
            .saved
            .values()
            .filter(|saved| saved.checkpoint.ns == *ns);
        let last = last.map(|saved| saved.checkpoint.id).max();
        let saved = saved.filter(|saved| saved.checkpoint.ns == *ns).cloned();
        Ok(saved.map(|saved| Saved {
            last: last.unwrap(),
            ..saved
        }))
    }

    async fn history(
        &self,
        key: &ThreadKey,
        query: HistoryQuery,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let all = self.history_of(key).into_iter().rev();
        Ok(all
            .filter(|checkpoint| query.ns.as_ref().is_none_or(|ns| checkpoint.ns == *ns))
            .filter(|checkpoint| query.before.is_none_or(|before| checkpoint.id < before))
            .take(query.limit)
            .collect())
    }

    async fn wait_turn(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        loop {
            let changed = self.changed.notified();
            {
                let data = self.data();
                let thread = &data.threads[key];
                if !thread.queue.iter().any(|queued| queued.id == run) {
                    return Err(error(StoreErrorKind::NotFound));
                }
                let first = thread.queue.front().is_some_and(|first| first.id == run);
                if first && thread.active.is_none() {
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    async fn withdraw(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        if let Some(thread) = self.data().threads.get_mut(key) {
            thread.queue.retain(|queued| queued.id != run);
        }
        self.changed.notify_waiters();
        Ok(())
    }
}
