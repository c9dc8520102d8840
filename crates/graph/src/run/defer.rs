//! Steps that are no checkpoints, because the run keeps its last one alone.
//!
//! What their tasks wrote is kept beside the checkpoint that the run began with, under task ids that follow from
//! that checkpoint: after a crash the same steps are made of it once more, without running a node again. What the
//! steps change is joined, and goes into the checkpoint in which the run ends.

use std::sync::Arc;

use super::{Durability, Steps, Stop, writes};
use crate::contract::{
    Change, ChannelChange, Checkpoint, Commit, ListDelta, Removal, Source, TaskWrites,
};
use crate::error::Error;
use crate::plan::Plan;
use crate::run::step::Task;
use crate::splice::Splice;
use crate::state::State;

impl<S: State> Steps<'_, S> {
    /// Whether steps in the middle of this run are no checkpoints.
    fn defers(&self) -> bool {
        self.run.durability == Durability::Exit && self.run.store.is_some()
    }

    /// What is to be kept of tasks whose step may become no checkpoint.
    pub(super) fn results(&self, tasks: &[Task<S>]) -> Result<Vec<TaskWrites>, Error> {
        if !self.defers() {
            return Ok(Vec::new());
        }
        let results = tasks.iter().filter_map(|task| {
            let result = task.result.as_ref()?;
            Some(writes::output(task.id, result))
        });
        results.collect()
    }

    /// Takes the step's change as part of the next checkpoint.
    pub(super) async fn defer(
        &mut self,
        state: S,
        mut plan: Plan,
        changes: Vec<ChannelChange>,
        mut results: Vec<TaskWrites>,
    ) -> Result<(), Stop> {
        self.make_room(&changes).await?;
        results.retain(|result| !self.head.pending.contains(result));
        if let (Some(store), Some(anchor)) = (&self.run.store, self.head.id)
            && !results.is_empty()
        {
            store.write(anchor, results.clone(), None).await?;
        }
        plan.anchor = self.head.plan.anchor.or(self.head.id);
        self.head.plan = plan;
        self.head.state = Arc::new(state);
        self.head.step += 1;
        self.head.pending.extend(results);
        self.deferred = Some(join(self.deferred.take().unwrap_or_default(), changes));
        self.show_step(None).await;
        Ok(())
    }

    /// Whether a step that ends so is left without a checkpoint.
    pub(super) fn may_defer(&self, rests: bool, source: Source) -> bool {
        !rests && source == Source::Loop && self.defers()
    }

    /// What is taken out of the state stays in the transcript, so it has to be in a checkpoint first.
    pub(super) async fn make_room(&mut self, changes: &[ChannelChange]) -> Result<(), Stop> {
        let forgets = self
            .deferred
            .as_ref()
            .is_some_and(|deferred| forgets(deferred, changes));
        if forgets {
            self.flush().await?;
        }
        Ok(())
    }

    /// Makes a checkpoint of the steps that have none yet.
    pub(super) async fn flush(&mut self) -> Result<(), Stop> {
        let (Some(changes), Some(store)) = (self.deferred.take(), self.run.store.clone()) else {
            return Ok(());
        };
        let id = store.new_id(&self.run.mint);
        let checkpoint = Checkpoint {
            id,
            ns: self.ns.clone(),
            parent: self.head.id,
            run: Some(self.run.id),
            source: Source::Loop,
            step: self.head.step,
            plan: self.head.plan.to_json(&self.graph.topology)?,
            metadata: self.run.metadata.clone(),
            at_ms: self.run.mint.now_ms(),
        };
        let commit = Commit {
            key: store.key.clone(),
            checkpoint: checkpoint.clone(),
            expected: self.head.id,
            changes,
            run: store.mark(None),
        };
        store.commit(commit).await?;
        self.head.id = Some(id);
        self.head.last = Some(id);
        self.head.pending.clear();
        self.show_checkpoint(&checkpoint).await;
        Ok(())
    }
}

/// Two steps' changes as one step's.
pub(super) fn join(
    mut earlier: Vec<ChannelChange>,
    later: Vec<ChannelChange>,
) -> Vec<ChannelChange> {
    for ChannelChange { channel, change } in later {
        match earlier.iter_mut().find(|known| known.channel == channel) {
            None => earlier.push(ChannelChange { channel, change }),
            Some(known) => {
                known.change = match (&known.change, change) {
                    (Change::List(first), Change::List(second)) => {
                        Change::List(joined(first, &second))
                    }
                    (_, change) => change,
                }
            }
        }
    }
    earlier
}

fn joined(first: &ListDelta, second: &ListDelta) -> ListDelta {
    let joined = splice(first).then(&splice(second));
    ListDelta {
        base_len: joined.base_len,
        pieces: joined.pieces,
        elements: joined
            .elements
            .into_iter()
            .map(Arc::unwrap_or_clone)
            .collect(),
        dropped: joined.dropped,
    }
}

/// Whether `later` takes out of a list's state what is new in `earlier`, and a person may still read.
fn forgets(earlier: &[ChannelChange], later: &[ChannelChange]) -> bool {
    later.iter().any(|ChannelChange { channel, change }| {
        let known = earlier.iter().find(|known| known.channel == *channel);
        match (known.map(|known| &known.change), change) {
            (Some(Change::List(first)), Change::List(second)) => {
                let dropped = second.dropped.iter();
                let mut context = dropped.filter(|dropped| dropped.reason == Removal::Context);
                let first = splice(first);
                context.any(|dropped| first.has_new_in(&dropped.range))
            }
            _ => false,
        }
    })
}

fn splice(delta: &ListDelta) -> Splice<crate::contract::Element> {
    Splice {
        base_len: delta.base_len,
        pieces: delta.pieces.clone(),
        elements: delta.elements.iter().cloned().map(Arc::new).collect(),
        dropped: delta.dropped.clone(),
    }
}
