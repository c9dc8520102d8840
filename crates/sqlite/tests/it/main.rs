//! The tests of the SQLite store, in one binary.

#![expect(clippy::unwrap_used, reason = "this is a test from end to end")]

mod clock;
mod conformance;
mod damage;
mod erasure;
mod formats;
mod histories;
mod opening;
mod owners;
mod processes;
mod smoke;
mod snapshots;
mod upkeep;
