//! What is to be done from time to time: threads whose time is over go, and events that are kept long enough.

use std::time::Duration;

use everthread_store::StoreErrorKind;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(60);
/// Threads that are deleted in one go.
const BATCH: usize = 100;

/// Keeps up until it is aborted; a round that fails is tried again with the next.
pub(crate) async fn keep_up(app: App) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        delete_expired(&app).await;
        delete_events(&app).await;
    }
}

async fn delete_expired(app: &App) {
    loop {
        let expired = match app.store.expired_threads(BATCH).await {
            Ok(expired) => expired,
            Err(error) => {
                tracing::warn!(operation = "upkeep", %error, "threads whose time is over are not known");
                return;
            }
        };
        let (found, mut deleted) = (expired.len(), 0);
        for key in expired {
            match app.store.delete_thread(&key).await {
                Ok(_) => deleted += 1,
                // One on which a run is active goes in a later round.
                Err(error) if error.kind() == StoreErrorKind::Busy => {}
                Err(error) if error.kind() == StoreErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(operation = "upkeep", %key, %error, "a thread whose time is over stays");
                }
            }
        }
        if found < BATCH || deleted == 0 {
            return;
        }
    }
}

async fn delete_events(app: &App) {
    let keep_ms = i64::try_from(app.settings.keep_events.as_millis()).unwrap_or(i64::MAX);
    let before_ms = jiff::Timestamp::now()
        .as_millisecond()
        .saturating_sub(keep_ms);
    if let Err(error) = app.store.delete_events_before(before_ms).await {
        tracing::warn!(operation = "upkeep", %error, "old events of runs stay");
    }
}
