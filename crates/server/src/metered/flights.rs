//! The runs that are under way in this process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use everthread_graph::contract::{NewRun, RunId};

use crate::metrics::{Counted, Metrics};

/// Above so many runs, those are given up that are older than [`LOST`].
const MANY: usize = 20_000;
/// A run of this age has ended without a word, because another process took it.
const LOST: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of runs from their admission to their end.
#[derive(Debug)]
pub(super) struct Flights {
    metrics: Metrics,
    active: Mutex<HashMap<RunId, Flight>>,
}

#[derive(Debug)]
struct Flight {
    graph: String,
    since: Instant,
    _counted: Counted,
}

impl Flights {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            active: Mutex::default(),
        }
    }

    /// A run asks to be admitted. One that is put in the queue is [forgotten](Self::forget) when it waits.
    pub(super) fn began(&self, new: &NewRun) {
        let flight = Flight {
            graph: new.graph.clone(),
            since: Instant::now(),
            _counted: self.metrics.active_run(),
        };
        let mut active = self.lock();
        if active.len() >= MANY {
            active.retain(|_, flight| flight.since.elapsed() < LOST);
        }
        active.insert(new.id, flight);
    }

    /// A run ended.
    pub(super) fn ended(&self, run: RunId, outcome: &'static str) {
        if let Some(flight) = self.lock().remove(&run) {
            let took = flight.since.elapsed();
            self.metrics.run_ended(&flight.graph, outcome, took);
        }
    }

    /// A run waits, or is no longer there.
    pub(super) fn forget(&self, run: RunId) {
        self.lock().remove(&run);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Flight>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
