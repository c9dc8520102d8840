//! The server as clients meet it: over HTTP, on a port of its own, with a real store.

#![allow(unreachable_pub, reason = "modules of one test binary")]
#![expect(clippy::unwrap_used, reason = "this is a test from end to end")]

mod agent;
mod api;
mod app;
mod assistants;
mod backups;
mod every_route;
mod identity;
mod isolation;
mod items;
mod keyed;
mod limits;
mod mcp;
mod openai;
mod protocol;
mod readiness;
mod rubbish;
mod runs;
mod seen;
mod sse;
mod state;
mod threads;
mod tokens;
mod two;
