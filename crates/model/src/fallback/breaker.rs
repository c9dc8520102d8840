//! A circuit breaker: a model that fails again and again is left alone for a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    resting_until: Option<Instant>,
}

impl Breaker {
    /// Whether the model may be asked; otherwise, how long it rests. After the rest one request at a time goes
    /// through, until one succeeds.
    pub(super) fn enter(&self, rest: Duration) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = state.resting_until else {
            return Ok(());
        };
        let now = Instant::now();
        if now < until {
            return Err(until - now);
        }
        state.resting_until = Some(now + rest);
        Ok(())
    }

    /// Takes note of a success; says whether a rest ends with it.
    pub(super) fn succeeded(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *state).resting_until.is_some()
    }

    /// Takes note of a failure; with the `limit`-th in a row the rest begins. Says whether the model rests now.
    pub(super) fn failed(&self, limit: u32, rest: Duration) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= limit {
            state.resting_until = Some(Instant::now() + rest);
        }
        state.resting_until.is_some()
    }
}
