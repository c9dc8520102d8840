//! How a node is run: retries, time-out, when it may start.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::NodeError;

/// How a node is run. The default: no retry, no time-out.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) defer: bool,
    pub(crate) effects: bool,
    pub(crate) destinations: Vec<String>,
}

impl NodeOptions {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs the node again when it fails.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Gives each attempt this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lets the node wait until nothing else of the run is left to do.
    #[must_use]
    pub fn defer(mut self) -> Self {
        self.defer = true;
        self
    }

    /// The node has effects on the world: it starts only when everything before it is durable.
    #[must_use]
    pub fn effects(mut self) -> Self {
        self.effects = true;
        self
    }

    /// Where the node's commands may go, for checks and drawings.
    #[must_use]
    pub fn destinations<N: Into<String>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.destinations = nodes.into_iter().map(Into::into).collect();
        self
    }
}

/// When and how often a failed node is run again. The defaults are LangGraph's.
#[derive(Clone)]
pub struct RetryPolicy {
    pub(crate) initial: Duration,
    pub(crate) factor: f64,
    pub(crate) max: Duration,
    pub(crate) attempts: u32,
    pub(crate) jitter: bool,
    pub(crate) retry_on: Arc<dyn Fn(&NodeError) -> bool + Send + Sync>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(500),
            factor: 2.0,
            max: Duration::from_secs(128),
            attempts: 3,
            jitter: true,
            retry_on: Arc::new(NodeError::is_transient),
        }
    }
}

impl RetryPolicy {
    /// The default: 3 attempts, 0.5 s before the second, twice as long before each further one, at most 128 s,
    /// and up to a second more at random.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How often the node is run in all; 0 counts as 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// How long to wait before the second attempt.
    #[must_use]
    pub fn initial(mut self, wait: Duration) -> Self {
        self.initial = wait;
        self
    }

    /// By how much each wait is longer than the one before.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(0.0);
        self
    }

    /// The longest wait.
    #[must_use]
    pub fn max(mut self, wait: Duration) -> Self {
        self.max = wait;
        self
    }

    /// Whether up to a second at random is added to each wait.
    #[must_use]
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// Which errors are worth another attempt; by default those that are transient.
    #[must_use]
    pub fn retry_on(mut self, f: impl Fn(&NodeError) -> bool + Send + Sync + 'static) -> Self {
        self.retry_on = Arc::new(f);
        self
    }

    /// The wait after so many failed attempts (1 or more). `fraction` is a random number from 0 up to 1.
    pub(crate) fn wait(&self, failed: u32, fraction: f64) -> Duration {
        let grown = self.initial.as_secs_f64() * self.factor.powf(f64::from(failed - 1));
        let wait = grown.min(self.max.as_secs_f64());
        let jitter = if self.jitter { fraction } else { 0.0 };
        Duration::try_from_secs_f64(wait + jitter).unwrap_or(self.max)
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("initial", &self.initial)
            .field("factor", &self.factor)
            .field("max", &self.max)
            .field("attempts", &self.attempts)
            .field("jitter", &self.jitter)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let policy = RetryPolicy::new().jitter(false);
        let waits: Vec<_> = [1, 2, 3, 9, 10]
            .map(|failed| policy.wait(failed, 0.5).as_millis())
            .into();
        assert_eq!(waits, [500, 1_000, 2_000, 128_000, 128_000]);
        assert_eq!(RetryPolicy::new().wait(1, 0.25).as_millis(), 750);
    }
}
