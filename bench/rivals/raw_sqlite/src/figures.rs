//! The JSON line.

use std::fmt;
use std::time::Duration;

/// What was measured.
pub(crate) struct Figures {
    /// How long each turn took.
    pub(crate) turns: Vec<Duration>,
    /// Rows that the turns wrote.
    pub(crate) rows: usize,
    pub(crate) file_bytes: u64,
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
        let turns = self.turns.len();
        let seconds = self.turns.iter().sum::<Duration>().as_secs_f64();
        write!(f, r#"{{"bench":"turns","storage":"raw","turns":{turns},"#)?;
        write!(f, r#""turns_per_s":{:.2},"#, turns as f64 / seconds)?;
        for percent in [50, 95, 99] {
            write!(f, r#""p{percent}_ms":{:.4},"#, self.percentile_ms(percent))?;
        }
        write!(
            f,
            r#""errors":0,"rows_per_turn":{:.2},"#,
            self.rows as f64 / turns as f64
        )?;
        write!(
            f,
            r#""file_bytes":{},"sqlite_version":"{}"}}"#,
            self.file_bytes,
            rusqlite::version()
        )
    }
}
