//! Tests of backups over the SQLite store.

#![expect(clippy::unwrap_used, reason = "these are tests, from beginning to end")]

mod beside;
mod damage;
mod hostile;
mod kill;
mod langgraph;
mod mutated;
#[expect(unreachable_pub, reason = "the fuzzer has it as a library")]
#[path = "../../../../fuzz/src/lib.rs"]
mod readers;
mod restoring;
mod round_trips;
mod stage;
