//! Tests of backups over the SQLite store.

#![expect(clippy::unwrap_used, reason = "these are tests, from beginning to end")]

mod beside;
mod damage;
mod hostile;
mod kill;
mod restoring;
mod round_trips;
mod stage;
