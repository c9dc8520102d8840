//! What the store may still hold of a run, and how it is made to let go: patiently, because a thread whose run is
//! never ended takes no other.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::{
    Admission, Checkpoint, CheckpointId, Checkpointer, Commit, Fence, Multitask, PendingWrites,
    RunId, RunMark, RunOutcome, StoreError, StoreErrorKind, ThreadKey, Ticket,
};

/// How often the store is asked to let go of a run.
const TRIES: u32 = 8;
/// How long to wait before the second try; twice as long before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// What asks for a run's admission.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Commit(Commit),
    Write(PendingWrites),
}

impl Ask {
    pub(super) fn checkpoint(&self) -> CheckpointId {
        match self {
            Self::Commit(commit) => commit.checkpoint.id,
            Self::Write(writes) => writes.checkpoint,
        }
    }

    /// The checkpoint that it makes.
    pub(super) fn made(&self) -> Option<&Checkpoint> {
        match self {
            Self::Commit(commit) => Some(&commit.checkpoint),
            Self::Write(_) => None,
        }
    }

    /// The same, sent again only to learn what became of it: it admits no run that was not admitted before, as
    /// far as that can be said.
    fn to_learn(&self) -> Self {
        let mut ask = self.clone();
        let run = match &mut ask {
            Self::Commit(commit) => {
                // A checkpoint that is to follow itself is there already, or is a conflict.
                commit.expected = Some(commit.checkpoint.id);
                &mut commit.run
            }
            Self::Write(writes) => {
                writes.writes.clear();
                &mut writes.run
            }
        };
        if let RunMark::Start(new) = run {
            new.policy = Multitask::Reject;
        }
        ask
    }
}

#[derive(Clone)]
pub(super) struct Hold {
    checkpointer: Arc<dyn Checkpointer>,
    key: ThreadKey,
    run: RunId,
    /// Whether the run may be in the queue. Only an admission takes it out; whatever else ends the call has to.
    queued: bool,
    /// An ask whose answer was lost: the run may be admitted.
    unanswered: Option<Arc<Ask>>,
}

impl Hold {
    pub(super) fn new(checkpointer: Arc<dyn Checkpointer>, key: ThreadKey, run: RunId) -> Self {
        Self {
            checkpointer,
            key,
            run,
            queued: false,
            unanswered: None,
        }
    }

    pub(super) fn send(&self, ask: Ask) -> BoxFuture<'static, Result<Ticket, StoreError>> {
        let checkpointer = self.checkpointer.clone();
        match ask {
            Ask::Commit(commit) => async move { checkpointer.commit(commit).await }.boxed(),
            Ask::Write(writes) => async move { checkpointer.write(writes).await }.boxed(),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        !self.queued && self.unanswered.is_none()
    }

    /// An ask was answered.
    pub(super) fn answered(&mut self, admission: Admission) {
        self.queued = matches!(admission, Admission::Queued { .. });
        self.unanswered = None;
    }

    /// An ask was refused, or its answer was lost.
    pub(super) fn refused(&mut self, ask: &Arc<Ask>, error: &StoreError) {
        match error.kind() {
            StoreErrorKind::OutcomeUnknown => self.unanswered = Some(ask.clone()),
            // This says nothing of an ask before.
            StoreErrorKind::Unavailable => {}
            _ => self.unanswered = None,
        }
    }

    /// Takes the run out of the queue if it is there, once and without patience.
    pub(super) async fn try_withdraw(&mut self) {
        if self.queued {
            let withdrawn = self.checkpointer.withdraw(&self.key, self.run).await;
            self.queued = withdrawn.is_err();
        }
    }

    /// Waits for the answer to an ask that nobody waits for any more.
    pub(super) async fn await_answer(
        &mut self,
        ask: &Arc<Ask>,
        mut ticket: Ticket,
    ) -> Result<(), StoreError> {
        match ticket.admitted().await {
            Ok(Admission::Applied(fence) | Admission::AlreadyApplied(fence)) => {
                self.answered(Admission::Applied(fence));
                self.end(ask.checkpoint(), fence, RunOutcome::Cancelled)
                    .await
            }
            Ok(queued) => {
                self.answered(queued);
                Ok(())
            }
            Err(error) => {
                self.refused(ask, &error);
                Ok(())
            }
        }
    }

    /// Frees the thread of the run.
    pub(super) async fn free(mut self) -> Result<(), StoreError> {
        if let Some(ask) = self.unanswered.take() {
            // Whatever became of it, the queue is not where the run may stay.
            self.queued = true;
            let learn = ask.to_learn();
            let mut patience = Patience::new();
            let answer = loop {
                let answer = match self.send(learn.clone()).await {
                    Ok(mut ticket) => ticket.admitted().await,
                    Err(error) => Err(error),
                };
                if !patience.again(answer.as_ref().err()).await {
                    break answer;
                }
            };
            if let Ok(Admission::Applied(fence) | Admission::AlreadyApplied(fence)) = answer {
                return self
                    .end(ask.checkpoint(), fence, RunOutcome::Cancelled)
                    .await;
            }
        }
        if !self.queued {
            return Ok(());
        }
        let mut patience = Patience::new();
        loop {
            let answer = self.checkpointer.withdraw(&self.key, self.run).await;
            if !patience.again(answer.as_ref().err()).await {
                return answer;
            }
        }
    }

    /// Ends the run, which holds this fence.
    pub(super) async fn end(
        &self,
        checkpoint: CheckpointId,
        fence: Fence,
        outcome: RunOutcome,
    ) -> Result<(), StoreError> {
        let end = PendingWrites {
            key: self.key.clone(),
            checkpoint,
            writes: Vec::new(),
            run: RunMark::End(self.run, fence, outcome),
        };
        let mut patience = Patience::new();
        loop {
            let answer = match self.checkpointer.write(end.clone()).await {
                Ok(ticket) => ticket.durable().await,
                Err(error) => Err(error),
            };
            if !patience.again(answer.as_ref().err()).await {
                return answer;
            }
        }
    }
}

/// How long something is tried again while the store cannot, or does not say.
struct Patience {
    left: u32,
    wait: Duration,
}

impl Patience {
    fn new() -> Self {
        Self {
            left: TRIES - 1,
            wait: FIRST_WAIT,
        }
    }

    /// Whether to try again after this answer; then it has waited.
    async fn again(&mut self, failed: Option<&StoreError>) -> bool {
        let passing = failed.is_some_and(|error| {
            error.kind() == StoreErrorKind::Unavailable
                || error.kind() == StoreErrorKind::OutcomeUnknown
        });
        if !passing || self.left == 0 {
            return false;
        }
        tokio::time::sleep(self.wait).await;
        self.left -= 1;
        self.wait *= 2;
        true
    }
}
