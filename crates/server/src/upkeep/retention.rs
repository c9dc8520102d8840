//! A pass of retention, as the policies say.

use std::ops::ControlFlow;

use everthread_store::Removed;
use everthread_store::retention::{CleanUp, Policies, Slice, clean_up};

use crate::app::App;

/// Removes what the policies name, in slices; says whether threads went. Where it ends on the way, the next pass goes on.
pub(super) async fn pass(app: &App) -> bool {
    let metrics = &app.front.metrics;
    let policies = match Policies::load(&*app.store, app.settings.retention).await {
        Ok(policies) => policies,
        Err(error) => {
            tracing::error!(operation = "retention", outcome = "error", %error, "nothing is removed");
            return false;
        }
    };
    if policies.keep_all() {
        return false;
    }
    let how = CleanUp {
        policies,
        now_ms: jiff::Timestamp::now().as_millisecond(),
        ..CleanUp::default()
    };
    let mut last = Removed::default();
    let tell = &mut |slice: Slice| {
        let threads = slice.removed.threads - last.threads;
        metrics.removed(threads, slice.removed.bytes - last.bytes);
        last = slice.removed;
        ControlFlow::Continue(())
    };
    let told = clean_up(&*app.store, &how, tell).await;
    match told {
        Ok(cleaned) => {
            let removed = cleaned.removed;
            if removed.threads + removed.checkpoints > 0 {
                tracing::info!(
                    operation = "retention",
                    outcome = "ok",
                    threads = removed.threads,
                    messages = removed.messages,
                    checkpoints = removed.checkpoints,
                    bytes = removed.bytes,
                    "what the policies name was removed"
                );
            }
            removed.threads > 0
        }
        Err(error) => {
            tracing::warn!(operation = "retention", outcome = "error", threads = last.threads, %error, "the pass ended early");
            last.threads > 0
        }
    }
}
