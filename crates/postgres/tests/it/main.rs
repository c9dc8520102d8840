//! The tests of the PostgreSQL store, in one binary, against a private server that it starts.

#![expect(clippy::unwrap_used, reason = "this is a test from end to end")]

#[path = "../support/postgres.rs"]
mod postgres;

mod bouncer;
mod conformance;
mod distributed;
mod index;
mod leases;
mod opening;
mod text;
mod tls;
