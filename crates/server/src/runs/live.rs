//! A run that this process drives.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use everthread_graph::CancellationToken;
use everthread_graph::contract::{Json, RunId, ThreadKey};
use tokio::sync::watch;

use super::kept::Kept;
use super::log::Log;
use crate::wire::insert_field;

/// A run that this process drives, or drove a moment ago.
pub(crate) struct Live {
    pub(crate) id: RunId,
    pub(crate) key: ThreadKey,
    pub(crate) kept: Arc<Kept>,
    pub(crate) log: Arc<Log>,
    pub(crate) cancel: CancellationToken,
    /// What it did is taken back when it has stopped.
    rollback: AtomicBool,
    /// It was admitted.
    begun: AtomicBool,
    /// Somebody reads it by the store.
    elsewhere: AtomicBool,
    outcome: OnceLock<Outcome>,
    ended: watch::Sender<bool>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// It rests: the state, and what it asks.
    Rested {
        /// The state, a JSON object.
        values: Json,
        /// The questions, a JSON array; `None` when there is none.
        asked: Option<String>,
    },
    /// It failed.
    Failed {
        /// What kind of failure.
        error: &'static str,
        /// What happened.
        message: String,
    },
    /// It was stopped, by a person or by another run.
    Stopped,
    /// It was stopped and taken back.
    RolledBack,
    /// The process ends; another one goes on with it.
    Parked,
}

impl Outcome {
    /// The body that a caller who waited is given.
    pub(crate) fn body(&self) -> String {
        match self {
            Self::Rested { values, asked } => match asked {
                Some(asked) => insert_field(values.as_str(), "__interrupt__", asked),
                None => values.as_str().to_owned(),
            },
            Self::Failed { .. } => {
                let error = self.error().unwrap_or_default();
                insert_field("{}", "__error__", &error)
            }
            Self::Stopped | Self::RolledBack | Self::Parked => "{}".to_owned(),
        }
    }

    /// `{"error": …, "message": …}` of one that failed.
    pub(crate) fn error(&self) -> Option<String> {
        match self {
            Self::Failed { error, message } => {
                let body = serde_json::json!({"error": error, "message": message});
                Some(body.to_string())
            }
            _ => None,
        }
    }

    /// The status on the wire.
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self::Rested { .. } => "success",
            Self::Failed { .. } => "error",
            Self::Stopped | Self::RolledBack => "interrupted",
            Self::Parked => "pending",
        }
    }
}

impl Live {
    pub(crate) fn new(id: RunId, key: ThreadKey, kept: Arc<Kept>, first_event: u64) -> Arc<Self> {
        let log = Log::new(kept.resumable, first_event);
        Arc::new(Self {
            id,
            key,
            kept,
            log,
            cancel: CancellationToken::new(),
            rollback: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            elsewhere: AtomicBool::new(false),
            outcome: OnceLock::new(),
            ended: watch::Sender::new(false),
        })
    }

    /// Stops it.
    pub(crate) fn stop(&self, rollback: bool) {
        if rollback {
            self.rollback.store(true, Ordering::Release);
        }
        self.cancel.cancel();
    }

    /// Says that it was admitted.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Whether it was admitted.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Says that another process reads it by the store; `true` the first time.
    pub(super) fn read_elsewhere(&self) -> bool {
        !self.elsewhere.swap(true, Ordering::AcqRel)
    }

    /// Whether another process reads it by the store.
    pub(super) fn is_read_elsewhere(&self) -> bool {
        self.elsewhere.load(Ordering::Acquire)
    }

    /// Whether what it did is to be taken back.
    pub(crate) fn is_taken_back(&self) -> bool {
        self.rollback.load(Ordering::Acquire)
    }

    /// Says how it ended. The first to say so is believed.
    pub(crate) fn end(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
        self.ended.send_replace(true);
    }

    /// How it ended, if it has.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }

    /// Waits for its end.
    pub(crate) async fn wait(&self) -> &Outcome {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as this does.
        let _ = ended.wait_for(|ended| *ended).await;
        self.outcome.get().unwrap_or(&Outcome::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_is_told_of_questions_and_failures() {
        let rested = Outcome::Rested {
            values: Json::trusted(r#"{"log":[]}"#),
            asked: Some("[1]".to_owned()),
        };
        assert_eq!(rested.body(), r#"{"log":[],"__interrupt__":[1]}"#);
        let failed = Outcome::Failed {
            error: "NodeError",
            message: "no".to_owned(),
        };
        assert_eq!(
            failed.body(),
            r#"{"__error__":{"error":"NodeError","message":"no"}}"#
        );
    }
}
