//! What was measured: times of turns, times to the first token, errors by kind.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::beside::Beside;
use crate::commands::bench::report::{Line, percentile_ms, rounded};

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    turns: Vec<Duration>,
    first_tokens: Vec<Duration>,
    beside: BTreeMap<Beside, Vec<Duration>>,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    /// A turn took so long, and so long to the first piece of its reply.
    pub(super) fn turn(&mut self, took: Duration, first_token: Option<Duration>) {
        self.turns.push(took);
        self.first_tokens.extend(first_token);
    }

    /// Something beside a turn took so long.
    pub(super) fn beside(&mut self, what: Beside, took: Duration) {
        self.beside.entry(what).or_default().push(took);
    }

    /// How many turns were done.
    pub(crate) fn turns(&self) -> usize {
        self.turns.len()
    }

    /// The time of a turn below which this share of them lies, in milliseconds.
    pub(crate) fn turn_ms(&self, share: f64) -> f64 {
        percentile_ms(&self.turns, share)
    }

    /// A turn, or something beside, failed.
    pub(super) fn error(&mut self, kind: &str) {
        *self.errors.entry(kind.to_owned()).or_default() += 1;
    }

    /// Adds what another one measured.
    pub(super) fn add(&mut self, other: Self) {
        self.turns.extend(other.turns);
        self.first_tokens.extend(other.first_tokens);
        for (what, times) in other.beside {
            self.beside.entry(what).or_default().extend(times);
        }
        for (kind, count) in other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
    }

    /// How many turns failed.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.values().sum()
    }

    /// The same by kind, a JSON object.
    pub(crate) fn errors_by_kind(&self) -> Value {
        let errors = self.errors.iter();
        let errors: Map<_, _> = errors
            .map(|(kind, &count)| (kind.clone(), count.into()))
            .collect();
        errors.into()
    }

    /// The line with these figures.
    pub(crate) fn onto(&self, line: Line, took: Duration) -> Line {
        let seconds = took.as_secs_f64();
        let mut line = line
            .with("seconds", rounded(seconds))
            .with("turns", self.turns.len())
            .with("turns_per_s", rounded(self.turns.len() as f64 / seconds))
            .latencies(&self.turns);
        if !self.first_tokens.is_empty() {
            let first = |share| percentile_ms(&self.first_tokens, share);
            line = line
                .with("first_token_p50_ms", first(0.50))
                .with("first_token_p95_ms", first(0.95))
                .with("first_token_p99_ms", first(0.99));
        }
        for (what, times) in &self.beside {
            line = line
                .with(what.counted(), times.len())
                .with(
                    &format!("{}_p50_ms", what.name()),
                    percentile_ms(times, 0.50),
                )
                .with(
                    &format!("{}_p99_ms", what.name()),
                    percentile_ms(times, 0.99),
                );
        }
        line = line.with("errors", self.errors());
        if !self.errors.is_empty() {
            line = line.with("errors_by_kind", self.errors_by_kind());
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_kind_and_are_no_turns() {
        let (mut tally, mut other) = (Tally::default(), Tally::default());
        tally.turn(Duration::from_millis(2), None);
        other.beside(Beside::Read, Duration::from_millis(1));
        tally.error("503");
        other.error("503");
        other.error("timeout");
        tally.add(other);
        assert_eq!((tally.turns(), tally.errors()), (1, 3));
        assert_eq!(tally.beside[&Beside::Read].len(), 1);
        assert_eq!(
            tally.errors_by_kind().to_string(),
            r#"{"503":2,"timeout":1}"#
        );
    }
}
