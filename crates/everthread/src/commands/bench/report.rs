//! What a benchmark prints: a line of JSON, or the same as words.

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::output::Output;

/// One line: names and figures, in order.
pub(super) struct Line(Map<String, Value>);

impl Line {
    /// A line of this benchmark on this storage.
    pub(super) fn new(bench: &str, storage: &str) -> Self {
        Self(Map::new())
            .with("bench", bench)
            .with("storage", storage)
    }

    /// The same with one more figure.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The same with the percentiles of these times.
    pub(super) fn latencies(self, times: &[Duration]) -> Self {
        self.with("p50_ms", percentile_ms(times, 0.50))
            .with("p95_ms", percentile_ms(times, 0.95))
            .with("p99_ms", percentile_ms(times, 0.99))
    }

    /// Prints it.
    pub(super) fn print(self, output: Output) -> Result<(), Failure> {
        if output.is_json() {
            return Ok(writeln!(io::stdout(), "{}", Value::Object(self.0))?);
        }
        let words: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name} {text}"),
                other => format!("{name} {other}"),
            })
            .collect();
        Ok(writeln!(io::stdout(), "{}", words.join(" · "))?)
    }
}

/// The time below which this share of the times lies, in milliseconds, to the microsecond.
pub(super) fn percentile_ms(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = (last as f64 * share).round() as usize;
    rounded(sorted[at].as_secs_f64() * 1e3)
}

/// Three places are enough.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// Resident memory of this process, in bytes; 0 where the system does not tell.
pub(super) fn rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes * 1024)
}
