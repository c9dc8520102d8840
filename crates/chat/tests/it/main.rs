//! The chat graphs as a server runs them: JSON in and out, over a real store.

#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod durability;
mod messages;
mod profiles;
mod review;
mod run_contexts;
mod stage;
mod titles;
