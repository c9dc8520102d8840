//! What an operator may set about the server.

use std::time::Duration;

use everthread_store::retention::Policy;

/// What an operator may set about the server. Every field has a default that suits one machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Longest body of a request, in bytes; 16 MiB. A longer one is refused with 413.
    pub max_body_bytes: usize,
    /// Runs that may be active or wait in this process; 4,096. One more is refused with 503 before it exists.
    pub max_runs: usize,
    /// How long a shutdown waits for runs to end before it stops them; 20 s. What is stopped goes on at the next
    /// start.
    pub shutdown: Duration,
    /// What becomes of runs that a crash left active: gone on with from their last checkpoint (the default), or
    /// marked as failed.
    pub left_active: LeftActive,
    /// Time between two heartbeats of a stream or of a caller that waits; 5 s.
    pub heartbeat: Duration,
    /// How long the events of a resumable run are kept; 24 h.
    pub keep_events: Duration,
    /// Whether webhooks may go to private, loopback and link-local addresses; `false`. For tests and closed
    /// networks.
    pub private_webhooks: bool,
    /// How long the threads of everybody are kept who has no policy of their own; for ever.
    pub retention: Policy,
    /// Time between two passes of retention; 1 h.
    pub retention_every: Duration,
    /// Time between two rounds of upkeep, each in a moment when nothing goes on; 24 h. `None` for none.
    pub upkeep_every: Option<Duration>,
}

/// What becomes of runs that a crash left active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeftActive {
    /// They go on from their last checkpoint.
    #[default]
    Resume,
    /// They end as failed; their threads are free for new runs.
    Fail,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body_bytes: 16 << 20,
            max_runs: 4_096,
            shutdown: Duration::from_secs(20),
            left_active: LeftActive::Resume,
            heartbeat: Duration::from_secs(5),
            keep_events: Duration::from_secs(24 * 60 * 60),
            private_webhooks: false,
            retention: Policy::default(),
            retention_every: Duration::from_secs(60 * 60),
            upkeep_every: Some(Duration::from_secs(24 * 60 * 60)),
        }
    }
}
