//! What channels must know of the step in which they are written.

use std::fmt;

use crate::contract::Removal;
use crate::ids::{Mint, SYSTEM_MINT};

/// One step's writing: which channels were written, and what new elements and removals are to be called.
pub struct Step<'a> {
    pub(crate) mint: &'a Mint,
    pub(crate) removal: Removal,
    /// Whether lists note how they change, for a commit.
    pub(crate) record: bool,
    written: u128,
    overwritten: u128,
}

impl<'a> Step<'a> {
    pub(crate) fn new(mint: &'a Mint, removal: Removal, record: bool) -> Self {
        Self {
            mint,
            removal,
            record,
            written: 0,
            overwritten: 0,
        }
    }

    /// A step outside of any run, with the system's clock and randomness; it records nothing.
    #[must_use]
    pub fn detached() -> Step<'static> {
        Step::new(&SYSTEM_MINT, Removal::User, false)
    }

    /// Whether a channel was written in this step.
    #[must_use]
    pub fn is_written(&self, channel: usize) -> bool {
        self.written & (1 << channel) != 0
    }

    /// Notes a write; `false` when there had been one.
    pub fn mark_written(&mut self, channel: usize) -> bool {
        let first = !self.is_written(channel);
        self.written |= 1 << channel;
        first
    }

    /// Counts what was written in another step as written in this one.
    pub(crate) fn also_written(&mut self, other: &Step<'_>) {
        self.written |= other.written;
    }

    pub(crate) fn is_overwritten(&self, channel: usize) -> bool {
        self.overwritten & (1 << channel) != 0
    }

    pub(crate) fn mark_overwritten(&mut self, channel: usize) -> bool {
        let first = !self.is_overwritten(channel);
        self.overwritten |= 1 << channel;
        first
    }
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("removal", &self.removal)
            .field("record", &self.record)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}
