//! What the models do seen from outside: against servers on the loopback, and with real weights.

#![expect(
    clippy::unwrap_used,
    reason = "this is all tests, functions that tests share included; clippy only sees the functions marked as such"
)]

mod local;
mod minilm;
mod openai;
mod stand_in;
