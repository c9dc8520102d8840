//! What a run measured.

use std::time::Duration;

/// What a run measured.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Median of the last hundred turns.
    pub(crate) late_ms: f64,
    pub(crate) turns: usize,
    pub(crate) file_bytes: u64,
}

impl Figures {
    pub(crate) fn of(times: &[Duration], file_bytes: u64) -> Self {
        let total: Duration = times.iter().sum();
        let mut ms: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        let late_ms = median(ms[ms.len().saturating_sub(100)..].to_vec());
        ms.sort_by(f64::total_cmp);
        Self {
            per_second: times.len() as f64 / total.as_secs_f64(),
            p50_ms: ms[ms.len() / 2],
            p99_ms: ms[ms.len() * 99 / 100],
            late_ms,
            turns: times.len(),
            file_bytes,
        }
    }

    pub(crate) fn median(all: &[Self]) -> Self {
        let of = |field: fn(&Self) -> f64| median(all.iter().map(field).collect());
        Self {
            per_second: of(|one| one.per_second),
            p50_ms: of(|one| one.p50_ms),
            p99_ms: of(|one| one.p99_ms),
            late_ms: of(|one| one.late_ms),
            turns: all[0].turns,
            file_bytes: all[0].file_bytes,
        }
    }

    pub(crate) fn print(&self, name: &str) {
        println!(
            "  {name:<10} {:>6.0} turns/s  p50 {:.3} ms  p99 {:.3} ms  {} bytes a turn",
            self.per_second,
            self.p50_ms,
            self.p99_ms,
            self.file_bytes / self.turns as u64
        );
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
