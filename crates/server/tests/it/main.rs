//! The server as clients meet it: over HTTP, on a port of its own, with a real store.

mod agent;
mod app;
mod assistants;
mod items;
mod rubbish;
mod runs;
mod sse;
mod state;
mod threads;
