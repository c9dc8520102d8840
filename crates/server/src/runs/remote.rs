//! A run that another process drives, followed by what that one keeps of it in the store.

use std::sync::Arc;
use std::time::Duration;

use everthread_graph::contract::{RunId, ThreadKey};
use everthread_store::{Run, RunStatus, StoreError};
use tokio::time::Instant;

use super::asks::Ask;
use super::frame::Frame;
use super::hub::Hub;
use super::live::Live;
use super::store_log;

/// How soon the store is looked at again after something came of it.
const SOON: Duration = Duration::from_millis(50);
/// How often it is looked at while nothing comes.
const SELDOM: Duration = Duration::from_millis(250);
/// How often the process that drives a run is asked to keep its events while none come: another may have taken it up.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// A run that has ended may still be told for so long, and one that was left is taken up within this.
const GRACE: Duration = Duration::from_secs(2);

/// Whether a run is on its way, or waits. One whose process is gone is about to be taken up by another.
pub(crate) fn goes_on(run: &Run) -> bool {
    match run.status {
        RunStatus::Pending | RunStatus::Running => true,
        RunStatus::Orphaned => !is_long_over(run),
        _ => false,
    }
}

fn is_long_over(run: &Run) -> bool {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let over_ms = run.ended_ms.map(|ended_ms| now_ms.abs_diff(ended_ms));
    over_ms.is_none_or(|over_ms| u128::from(over_ms) > GRACE.as_millis())
}

/// A run that another process drives.
pub(crate) struct Remote {
    hub: Arc<Hub>,
    key: ThreadKey,
    run: RunId,
    /// The event that was read last.
    after: Option<u64>,
    /// Its events are kept without being asked for.
    resumable: bool,
    /// It was told to its end.
    is_told: bool,
    asked: Option<Instant>,
    /// Since when it is known to have ended.
    over: Option<Instant>,
    pause: Duration,
}

/// What comes of a run that another process drives.
pub(crate) enum Far {
    /// Its next events, at least one.
    Frames(Vec<Frame>),
    /// This process drives it by now: it is to be read here, from this event on.
    Here(Arc<Live>, Option<u64>),
    /// There will be no more.
    Ended,
}

impl Remote {
    /// A run whose events are kept in any case, after this one.
    pub(crate) fn resumable(
        hub: &Arc<Hub>,
        key: ThreadKey,
        run: RunId,
        after: Option<u64>,
    ) -> Self {
        Self {
            hub: hub.clone(),
            key,
            run,
            after,
            resumable: true,
            is_told: false,
            asked: None,
            over: None,
            pause: SOON,
        }
    }

    /// What comes of a run from now on. Unless it is `resumable`, nothing of it is kept before it is asked for.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn from_now(
        hub: &Arc<Hub>,
        key: ThreadKey,
        run: RunId,
        resumable: bool,
    ) -> Result<Self, StoreError> {
        let after = store_log::last(&*hub.store, &key, run).await?;
        Ok(Self {
            resumable,
            ..Self::resumable(hub, key, run, after)
        })
    }

    /// The run.
    pub(crate) fn run(&self) -> RunId {
        self.run
    }

    /// Waits for what comes next. May be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn next(&mut self) -> Result<Far, StoreError> {
        loop {
            if let Some(live) = self.hub.get(&self.key, self.run)
                && live.outcome().is_none()
            {
                let from = self.after.map_or(0, |after| after + 1);
                return Ok(Far::Here(live, self.resumable.then_some(from)));
            }
            if self.is_told {
                return Ok(Far::Ended);
            }
            // Looked at before its events: those that were told before it ended are there then.
            let run = self.hub.store.run(&self.key, self.run).await?;
            let store = &*self.hub.store;
            let frames = store_log::read(store, &self.key, self.run, self.after).await?;
            if let Some(last) = frames.last() {
                self.after = Some(last.seq);
                self.is_told = last.name() == "end";
                self.pause = SOON;
                return Ok(Far::Frames(frames));
            }
            let Some(run) = run else {
                return Ok(Far::Ended);
            };
            if goes_on(&run) {
                self.over = None;
                self.ask().await?;
            } else {
                // What it told last may be on its way into the store.
                let over = *self.over.get_or_insert_with(Instant::now);
                if is_long_over(&run) || over.elapsed() > GRACE {
                    return Ok(Far::Ended);
                }
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(SELDOM);
        }
    }

    async fn ask(&mut self) -> Result<(), StoreError> {
        let again = self
            .asked
            .is_none_or(|asked| !self.resumable && asked.elapsed() > ASK_AGAIN);
        if again {
            self.hub.ask(&self.key, self.run, Ask::Tell).await?;
            self.asked = Some(Instant::now());
        }
        Ok(())
    }
}
