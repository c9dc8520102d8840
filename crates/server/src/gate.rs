//! Whether requests come in. Shut while the store is replaced; it then knows when those that came in before are done.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::app::App;
use crate::carried::carried;
use crate::error::ApiError;
use crate::health;

/// What requests go through first.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    visits: TaskTracker,
    shut: AtomicBool,
}

impl Gate {
    /// Counts a request until what is given is dropped; `None` when the gate is shut.
    fn enter(&self) -> Option<TaskTrackerToken> {
        // First counted and then looked: whoever waits until nobody is here misses nobody.
        let visit = self.visits.token();
        (!self.shut.load(Ordering::SeqCst)).then_some(visit)
    }

    /// Lets nobody in any more.
    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
        self.visits.close();
    }

    /// Waits until those who came in have their answers, whole. To be called when it is shut.
    pub(crate) async fn empty(&self) {
        self.visits.wait().await;
    }
}

/// Lets a request in, or answers that the store is being replaced. The process is alive all the while.
pub(crate) async fn pass(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.gate.enter() {
        Some(visit) => carried(next.run(request).await, visit),
        None if request.uri().path() == health::LIVEZ => health::alive().into_response(),
        None => ApiError::unavailable(
            "restoring",
            "the storage is being replaced by a backup: nothing was begun",
        )
        .into_response(),
    }
}
