//! The engine from outside, on a plain in-memory checkpointer.

#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod any;
mod basics;
mod compile;
mod control;
mod durability;
mod failures;
mod history;
mod interrupts;
mod memory;
mod runs;
mod states;
mod streams;
mod subgraphs;
