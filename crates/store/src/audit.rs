//! What contradicts itself in rows: the part of a store's check that needs no database. A store reads its rows, in
//! the order that each method asks for, and hands them over here.

mod documents;
mod thread;

use crate::{CheckReport, Problem};

pub use documents::DocumentAudit;
pub use thread::{CheckpointRow, RunRow, ThreadAudit, ThreadCounts};

/// Problems of one kind that are listed one by one.
pub const MAX_LISTED: usize = 100;

impl CheckReport {
    /// Adds a problem.
    pub fn problem(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.problems.push(Problem {
            place: place.into(),
            what: what.into(),
        });
    }

    /// Adds what another part of the same check found.
    pub fn add(&mut self, part: Self) {
        self.threads += part.threads;
        self.checkpoints += part.checkpoints;
        self.messages += part.messages;
        self.problems.extend(part.problems);
    }
}
