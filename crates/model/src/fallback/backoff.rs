//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::FallbackConfig;

/// Doubling waits, each shortened by up to a half, so that many clients do not come back at once.
pub(super) struct Backoff {
    first: Duration,
    max: Duration,
    jitter: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl Backoff {
    pub(super) fn new(config: &FallbackConfig, jitter: Box<dyn Fn() -> f64 + Send + Sync>) -> Self {
        Self {
            first: config.first_backoff,
            max: config.max_backoff,
            jitter,
        }
    }

    /// The wait after the given attempt (from 1 on), at least what the server asked for; `None` when that is more
    /// than anyone should wait.
    pub(super) fn wait(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        if asked.is_some_and(|asked| asked > self.max) {
            return None;
        }
        let doubled = self
            .first
            .saturating_mul(1 << (attempt - 1).min(20))
            .min(self.max);
        let shortened = doubled.mul_f64(1.0 - 0.5 * (self.jitter)().clamp(0.0, 1.0));
        Some(shortened.max(asked.unwrap_or_default()))
    }
}

/// A number from 0 up to 1, from the keys that the standard library draws for its hash maps.
pub(super) fn chance() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}
