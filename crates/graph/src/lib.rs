//! Conversation graphs: typed state, reducers, a pure superstep planner and an async runner.
//!
//! This crate knows no database, no HTTP, no model and no chat. What it needs of a durable home is the
//! [`contract`]: the [`Checkpointer`](contract::Checkpointer) trait and the values that cross it.

pub mod contract;
