//! A power cut loses no acknowledged turn.
//!
//! A child process works on a store whose files go through a [`vfs`] that notes down every write and sync in a
//! [`log`]. This process hears the child's acknowledgements and how long the log was then. From the log it makes a
//! [`disk`] as a power cut at a random moment could leave it, opens the store there and looks for everything that had
//! been acknowledged. The same with syncs that do nothing must lose something, so the test can fail.
//!
//! `EVERTHREAD_POWER_SEED=n` tries one seed alone and `EVERTHREAD_LONG=1` many more on longer logs. A failure keeps what
//! was recorded, to be tried again with `EVERTHREAD_POWER_REPLAY=dir`.

#![expect(clippy::unwrap_used, reason = "this is a test from end to end")]

mod conversation;
mod device;
mod disk;
mod expected;
mod faults;
mod grouping;
mod images;
mod job;
mod log;
mod loss;
mod recording;
mod rng;
mod rows;
mod turns;
mod verify;
mod vfs;
