//! What is to be done from time to time: threads whose time is over go, events that are kept long enough, and what the
//! policies of retention name; the storage is tended when nothing goes on, and its size is told.

mod retention;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use everthread_store::StoreErrorKind;
use everthread_store::upkeep::{Upkeep, tend};
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(60);
/// Threads that are deleted in one go.
const BATCH: usize = 100;

/// What one round remembers for the next.
#[derive(Debug)]
struct Rounds {
    /// When the last pass of retention began.
    retained: Option<Instant>,
    /// When the storage was last tended.
    tended: Instant,
    /// Whether words of threads that went lie in the search index.
    has_gaps: bool,
    /// Turns that there were at the last round.
    turns: u64,
}

/// Keeps up until it is aborted; a round that fails is tried again with the next.
pub(crate) async fn keep_up(app: App) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = Rounds {
        retained: None,
        // A server that was just started has other things to do.
        tended: Instant::now(),
        has_gaps: false,
        turns: 0,
    };
    loop {
        rounds.tick().await;
        delete_expired(&app).await;
        delete_events(&app).await;
        let every = app.settings.retention_every;
        if known.retained.is_none_or(|last| last.elapsed() >= every) {
            known.retained = Some(Instant::now());
            known.has_gaps |= retention::pass(&app).await;
        }
        tend_in_quiet(&app, &mut known).await;
        tell_size(&app).await;
    }
}

/// Tends the storage when that is due and nothing has gone on since the last round. Whoever comes meanwhile ends it; the
/// next quiet round begins again.
async fn tend_in_quiet(app: &App, known: &mut Rounds) {
    let metrics = &app.front.metrics;
    let turns = metrics.turns();
    let was_quiet = std::mem::replace(&mut known.turns, turns) == turns;
    let is_busy = || metrics.active_runs() > 0 || metrics.waiting_runs() > 0;
    let every = app.settings.upkeep_every;
    let is_due = every.is_some_and(|every| known.has_gaps || known.tended.elapsed() >= every);
    if !is_due || !was_quiet || is_busy() {
        return;
    }
    let tasks = match known.has_gaps {
        true => &Upkeep::ONLINE[..],
        false => &Upkeep::LIGHT[..],
    };
    let mut is_whole = true;
    let go_on = &mut |_, _, _| {
        is_whole = !is_busy();
        match is_whole {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    };
    let steps = match tend(&*app.store, tasks, go_on).await {
        Ok(steps) => steps,
        Err(error) => {
            tracing::warn!(operation = "upkeep", %error, "the storage is tended later");
            return;
        }
    };
    for step in &steps {
        tracing::info!(
            operation = "upkeep",
            task = step.task.as_str(),
            took_ms = step.took.as_secs_f64() * 1e3,
            freed_bytes = step.file_bytes.0.saturating_sub(step.file_bytes.1),
            outcome = if step.stopped { "stopped" } else { "ok" },
            "the storage was tended"
        );
    }
    if is_whole {
        known.tended = Instant::now();
        known.has_gaps = false;
    }
}

async fn tell_size(app: &App) {
    match app.store.stats().await {
        Ok(stats) => app.front.metrics.storage(&stats),
        Err(error) => {
            tracing::warn!(operation = "upkeep", %error, "the size of the storage is not known");
        }
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
