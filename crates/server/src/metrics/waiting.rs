//! Guards: what is counted while they live, and no longer, however they end.

use std::time::Instant;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

/// Counts one while it lives.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(super) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Counts one while it lives, and how long that was.
#[derive(Debug)]
pub(crate) struct Waiting {
    since: Instant,
    seconds: Histogram,
    _counted: Counted,
}

impl Waiting {
    pub(super) fn new(gauge: &Gauge, seconds: &Histogram) -> Self {
        Self {
            since: Instant::now(),
            seconds: seconds.clone(),
            _counted: Counted::new(gauge),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.seconds.observe(self.since.elapsed().as_secs_f64());
    }
}
