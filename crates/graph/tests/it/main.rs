//! The engine from outside, on a plain in-memory checkpointer.

#![allow(unreachable_pub, reason = "modules of one test binary")]

mod basics;
mod memory;
mod states;
