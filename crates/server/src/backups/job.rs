//! One job: what it does, how far it has come, and what came of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use everthread_backup::restore::Changes;
use everthread_backup::{BackupError, Created, Imported, Verified};
use everthread_graph::CancellationToken;
use jiff::Timestamp;
use subtle::ConstantTimeEq;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::{JobKind, JobStatus};
use crate::error::ApiError;

/// How long a restore waits to be confirmed: what it has built needs as much room as the store.
const CONFIRM_WITHIN: Duration = Duration::from_secs(15 * 60);

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: Uuid,
    pub(crate) kind: JobKind,
    pub(crate) created_ms: i64,
    /// Cancelled when it is broken off.
    pub(super) cancel: CancellationToken,
    done: AtomicU64,
    all: AtomicU64,
    state: Mutex<State>,
    over: watch::Sender<bool>,
}

/// What is told of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// The name of the backup that it is about.
    pub(crate) backup: Option<String>,
    /// The backup that it made.
    pub(crate) made: Option<Created>,
    /// What verifying found.
    pub(crate) verified: Option<Verified>,
    /// What restoring a whole store changes.
    pub(crate) changes: Option<Changes>,
    /// What was taken in, or would be.
    pub(crate) imported: Option<Imported>,
    /// The file of the store that was there before.
    pub(crate) safety_copy: Option<String>,
    /// Why it failed.
    pub(crate) error: Option<ApiError>,
    /// When it was over.
    pub(crate) ended_ms: Option<i64>,
}

#[derive(Debug)]
struct State {
    status: JobStatus,
    told: Told,
    asks: Option<Asking>,
    /// Whether it can no longer be broken off.
    is_final: bool,
}

#[derive(Debug)]
struct Asking {
    token: String,
    confirmed: oneshot::Sender<()>,
}

/// What a confirmation says: the token that the job showed.
#[derive(Debug)]
pub(crate) struct Confirm<'a>(pub(crate) &'a str);

impl Job {
    pub(super) fn new(kind: JobKind, backup: Option<String>) -> Self {
        let told = Told {
            backup,
            ..Told::default()
        };
        Self {
            id: Uuid::now_v7(),
            kind,
            created_ms: Timestamp::now().as_millisecond(),
            cancel: CancellationToken::new(),
            done: AtomicU64::new(0),
            all: AtomicU64::new(0),
            state: Mutex::new(State {
                status: JobStatus::Running,
                told,
                asks: None,
                is_final: false,
            }),
            over: watch::Sender::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands.
    pub(crate) fn status(&self) -> JobStatus {
        self.state().status
    }

    /// What is told of it, how it stands, and the token that confirms it while it waits; all of one moment.
    pub(crate) fn look(&self) -> (JobStatus, Told, Option<String>) {
        let state = self.state();
        let token = state.asks.as_ref().map(|asking| asking.token.clone());
        (state.status, state.told.clone(), token)
    }

    /// How far the work at hand has come: done, and in all (0 where nobody knows).
    pub(crate) fn progress(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.done), of(&self.all))
    }

    /// Hears how far the work at hand has come.
    pub(super) fn hears(&self) -> impl FnMut(u64, u64) + Send + '_ {
        |done, all| {
            self.done.store(done, Ordering::Relaxed);
            self.all.store(all, Ordering::Relaxed);
        }
    }

    /// Tells more of it.
    pub(super) fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.state().told);
    }

    /// Waits until somebody confirms it; `None` when nobody did in time.
    pub(super) async fn ask(&self) -> Option<()> {
        let (confirmed, answer) = oneshot::channel();
        {
            let mut state = self.state();
            state.status = JobStatus::Waiting;
            state.asks = Some(Asking {
                token: Uuid::new_v4().simple().to_string(),
                confirmed,
            });
        }
        tokio::time::timeout(CONFIRM_WITHIN, answer)
            .await
            .ok()?
            .ok()
    }

    /// Lets a job go on that waits.
    ///
    /// # Errors
    /// 409 when it does not wait; 422 when the token is not the one that it shows.
    pub(crate) fn confirm(&self, said: &Confirm<'_>) -> Result<(), ApiError> {
        let mut state = self.state();
        let Some(asking) = state.asks.take() else {
            let detail = "the job does not wait to be confirmed: look how it stands";
            return Err(ApiError::conflict("conflict", detail));
        };
        if !bool::from(asking.token.as_bytes().ct_eq(said.0.as_bytes())) {
            state.asks = Some(asking);
            return Err(ApiError::invalid(
                "confirm: send the text that the job shows as `confirm`",
            ));
        }
        if asking.confirmed.send(()).is_err() {
            let detail = "the job was over before it was confirmed";
            return Err(ApiError::conflict("conflict", detail));
        }
        state.status = JobStatus::Running;
        Ok(())
    }

    /// From now on it cannot be broken off; `false` when it was.
    pub(super) fn decide(&self) -> bool {
        let mut state = self.state();
        state.is_final = !self.cancel.is_cancelled();
        state.is_final
    }

    /// Breaks it off; `false` when it is too late for that.
    pub(super) fn break_off(&self) -> bool {
        let state = self.state();
        if !state.is_final {
            self.cancel.cancel();
        }
        !state.is_final
    }

    /// It is over. The first to say so is believed.
    pub(super) fn end(&self, outcome: Result<(), Ended>) {
        let mut state = self.state();
        if state.status.is_over() {
            return;
        }
        state.asks = None;
        state.told.ended_ms = Some(Timestamp::now().as_millisecond());
        state.status = match outcome {
            Ok(()) => JobStatus::Done,
            Err(Ended::Cancelled) => JobStatus::Cancelled,
            Err(Ended::Failed(error)) => {
                state.told.error = Some(error);
                JobStatus::Failed
            }
        };
        drop(state);
        self.over.send_replace(true);
    }

    /// Waits until it is over.
    pub(crate) async fn wait(&self) {
        let mut over = self.over.subscribe();
        // The sender lives as long as this does.
        let _ = over.wait_for(|over| *over).await;
    }
}

/// Why a job came to nothing.
#[derive(Debug)]
pub(crate) enum Ended {
    Cancelled,
    Failed(ApiError),
}

impl From<ApiError> for Ended {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<BackupError> for Ended {
    fn from(error: BackupError) -> Self {
        Self::Failed(error.into())
    }
}
