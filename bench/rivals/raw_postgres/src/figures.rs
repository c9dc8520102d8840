//! What was measured, as a line of JSON with the names that `everthread bench` uses.

use std::fmt;
use std::time::Duration;

/// What was measured.
pub(crate) struct Figures {
    /// From the first turn's begin to the last one's end.
    pub(crate) took: Duration,
    /// Conversations at once.
    pub(crate) workers: usize,
    /// How long each turn took.
    pub(crate) turns: Vec<Duration>,
    /// Rows that were inserted.
    pub(crate) rows: usize,
}

impl Figures {
    fn percentile_ms(&self, percent: usize) -> f64 {
        let mut turns = self.turns.clone();
        turns.sort_unstable();
        turns[(turns.len() - 1) * percent / 100].as_secs_f64() * 1e3
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (turns, seconds) = (self.turns.len(), self.took.as_secs_f64());
        write!(
            f,
            r#"{{"bench":"load","storage":"raw","workers":{},"#,
            self.workers
        )?;
        write!(
            f,
            r#""turns":{turns},"turns_per_s":{:.2},"#,
            turns as f64 / seconds
        )?;
        for percent in [50, 95, 99] {
            write!(f, r#""p{percent}_ms":{:.4},"#, self.percentile_ms(percent))?;
        }
        let rows = self.rows as f64 / turns as f64;
        write!(f, r#""errors":0,"rows_per_turn":{rows:.2}}}"#)
    }
}
