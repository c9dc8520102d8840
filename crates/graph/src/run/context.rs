//! What all tasks of a run share, those of its subgraphs too.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::{Durability, Flight};
use crate::contract::{
    CheckpointId, Checkpointer, Commit, Fence, Json, Namespace, PendingWrites, RunId, RunMark,
    RunOutcome, StoreError, StoreErrorKind, TaskWrites, ThreadKey,
};
use crate::event::Event;
use crate::graph::Settings;
use crate::ids::Mint;
use crate::stream::{Outbox, StreamModes};

/// A run.
pub(crate) struct RunCx {
    pub(crate) id: RunId,
    pub(crate) key: Option<ThreadKey>,
    pub(crate) metadata: Option<Json>,
    pub(crate) context: Option<Json>,
    pub(crate) durability: Durability,
    pub(crate) items: Option<crate::graph::ItemsOf>,
    pub(crate) cancel: CancellationToken,
    pub(crate) outbox: Option<Arc<Outbox>>,
    pub(crate) store: Option<Arc<StoreCx>>,
    pub(crate) mint: Mint,
    pub(crate) limit: u32,
}

impl RunCx {
    pub(crate) fn new(id: RunId, settings: &Settings, options: &super::RunOptions) -> Self {
        Self {
            id,
            key: None,
            metadata: options.metadata.clone(),
            context: options.context.clone(),
            durability: options.durability,
            items: settings.items.clone(),
            cancel: match &options.cancel {
                Some(token) => token.child_token(),
                None => CancellationToken::new(),
            },
            outbox: None,
            store: None,
            mint: settings.mint.clone(),
            limit: options.limit,
        }
    }

    /// Whether an event of this graph and mode has a reader.
    pub(crate) fn wants(&self, ns: &Namespace, modes: StreamModes) -> bool {
        self.outbox
            .as_ref()
            .is_some_and(|outbox| outbox.wants(modes) && (ns.is_root() || outbox.subgraphs))
    }

    pub(crate) async fn show(&self, event: Event) {
        if let Some(outbox) = &self.outbox {
            outbox.push(event).await;
        }
    }
}

impl fmt::Debug for RunCx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunCx")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A run's right to write, and what it has written.
pub(crate) struct StoreCx {
    pub(crate) checkpointer: Arc<dyn Checkpointer>,
    pub(crate) key: ThreadKey,
    pub(crate) run: RunId,
    pub(crate) fence: Fence,
    pub(crate) flight: Arc<Flight>,
    /// Checkpoints of the root graph, each with the number of writes that were sent up to it: the last that is
    /// durable, and those that may become so.
    roots: Mutex<VecDeque<(u64, CheckpointId)>>,
    /// The highest checkpoint id that the run has given, of whatever graph.
    last: Mutex<CheckpointId>,
    /// Whether the run's end was sent.
    ended: AtomicBool,
}

impl StoreCx {
    pub(super) fn new(
        checkpointer: Arc<dyn Checkpointer>,
        key: ThreadKey,
        run: RunId,
        fence: Fence,
        flight: Arc<Flight>,
        checkpoint: CheckpointId,
    ) -> Self {
        Self {
            checkpointer,
            key,
            run,
            fence,
            flight,
            roots: Mutex::new(VecDeque::from([(0, checkpoint)])),
            last: Mutex::new(checkpoint),
            ended: AtomicBool::new(false),
        }
    }

    /// A checkpoint id above all others of the run.
    pub(crate) fn new_id(&self, mint: &Mint) -> CheckpointId {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = mint.checkpoint(Some(*last));
        *last
    }

    /// New ids are to be above this one too.
    pub(crate) fn raise(&self, seen: Option<CheckpointId>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = seen.map_or(*last, |seen| seen.max(*last));
    }

    fn roots(&self) -> MutexGuard<'_, VecDeque<(u64, CheckpointId)>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last checkpoint of the root graph that was sent; once a write has failed, the last that is durable.
    pub(crate) fn root(&self) -> CheckpointId {
        let settled = if self.flight.has_failed() {
            self.flight.settled()
        } else {
            u64::MAX
        };
        let roots = self.roots();
        let mut known = roots.iter().rev();
        let root = known.find(|(sent, _)| *sent <= settled);
        root.or(roots.front())
            .map(|(_, root)| *root)
            .expect("a run begins at a checkpoint")
    }

    /// A write has failed. Unless the run has lost its right to write, its end is still to be sent.
    pub(crate) fn note_failure(&self, error: &StoreError) {
        let fenced = error.kind() == StoreErrorKind::Fenced;
        self.ended.store(fenced, Ordering::Release);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn set_ended(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// The mark of a write: the run's last one carries its end.
    pub(crate) fn mark(&self, end: Option<RunOutcome>) -> RunMark {
        match end {
            None => RunMark::Step(self.run, self.fence),
            Some(outcome) => RunMark::End(self.run, self.fence, outcome),
        }
    }

    /// Sends a step.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.flight.room().await?;
        let root = commit
            .checkpoint
            .ns
            .is_root()
            .then_some(commit.checkpoint.id);
        let ends = matches!(commit.run, RunMark::End(..));
        let ticket = self.checkpointer.commit(commit).await?;
        self.flight.push(ticket);
        if let Some(root) = root {
            let mut roots = self.roots();
            let settled = self.flight.settled();
            while roots.get(1).is_some_and(|(sent, _)| *sent <= settled) {
                roots.pop_front();
            }
            roots.push_back((self.flight.sent(), root));
        }
        if ends {
            self.set_ended();
        }
        Ok(())
    }

    /// Sends what tasks left at a checkpoint, or the run's end.
    pub(crate) async fn write(
        &self,
        checkpoint: CheckpointId,
        writes: Vec<TaskWrites>,
        end: Option<RunOutcome>,
    ) -> Result<(), StoreError> {
        self.flight.room().await?;
        let ends = end.is_some();
        let ticket = self
            .checkpointer
            .write(PendingWrites {
                key: self.key.clone(),
                checkpoint,
                writes,
                run: self.mark(end),
            })
            .await?;
        self.flight.push(ticket);
        if ends {
            self.set_ended();
        }
        Ok(())
    }
}
