//! `[server]`

use std::time::Duration;

use everthread_server::{LeftActive, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The HTTP server.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpSettings {
    /// Where the server listens: address and port. Beyond loopback it needs keys or tokens. Flag: `--listen`.
    pub(super) listen: String,
    /// Longest body of a request, in bytes. A longer one is refused with 413.
    max_body_bytes: usize,
    /// Runs that may be active or wait in this process. One more is refused with 503 before it exists.
    max_runs: usize,
    /// How long a shutdown waits for runs to end before it stops them, in seconds. What is stopped goes on at the next
    /// start.
    shutdown_s: u64,
    /// What becomes of runs that a crash left active: `resume` goes on from their last checkpoint, `fail` ends them.
    left_active: LeftActiveName,
    /// Time between two heartbeats of a stream or of a caller that waits, in seconds.
    heartbeat_s: u64,
    /// How long the events of a resumable run are kept, in hours.
    keep_events_h: u64,
    /// Whether webhooks may go to private, loopback and link-local addresses. For tests and closed networks.
    private_webhooks: bool,
}

/// What becomes of runs that a crash left active.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LeftActiveName {
    /// They go on.
    Resume,
    /// They end as failed.
    Fail,
}

impl HttpSettings {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            max_body_bytes: self.max_body_bytes,
            max_runs: self.max_runs,
            shutdown: Duration::from_secs(self.shutdown_s),
            left_active: match self.left_active {
                LeftActiveName::Resume => LeftActive::Resume,
                LeftActiveName::Fail => LeftActive::Fail,
            },
            heartbeat: Duration::from_secs(self.heartbeat_s.max(1)),
            keep_events: Duration::from_secs(self.keep_events_h * 60 * 60),
            private_webhooks: self.private_webhooks,
            ..Settings::default()
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        let server = Settings::default();
        Self {
            listen: "127.0.0.1:8123".to_owned(),
            max_body_bytes: server.max_body_bytes,
            max_runs: server.max_runs,
            shutdown_s: server.shutdown.as_secs(),
            left_active: match server.left_active {
                LeftActive::Resume => LeftActiveName::Resume,
                LeftActive::Fail => LeftActiveName::Fail,
            },
            heartbeat_s: server.heartbeat.as_secs(),
            keep_events_h: server.keep_events.as_secs() / 3600,
            private_webhooks: server.private_webhooks,
        }
    }
}
