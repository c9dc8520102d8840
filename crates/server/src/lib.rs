//! The HTTP server: many users' threads behind the LangGraph protocol and Everthread's own interface.
//!
//! A [`Server`] is given a store and graphs and serves them on a listener that its caller bound. It knows no
//! database, no model and no command line: those are wired by whoever builds it.

mod app;
mod assistants;
mod backups;
mod beginning;
mod body;
mod carried;
mod codes;
mod cors;
mod door;
mod embedder;
mod erase;
mod error;
mod export;
mod front;
mod gate;
mod graphs;
mod health;
mod home;
mod house;
pub mod identity;
mod limits;
mod mcp;
mod metered;
mod metrics;
mod openai;
mod openapi;
mod params;
mod protocol;
mod replace;
mod request_log;
mod routes;
mod runs;
mod server;
mod sessions;
mod settings;
mod sse;
mod thread_graph;
mod times;
mod upkeep;
pub mod wire;

pub use app::App;
pub use backups::{Backups, Reopen, Schedule};
pub use codes::{CODES, ErrorCode};
pub use embedder::Embedder;
pub use erase::{ErasedUser, erase_user};
pub use error::ApiError;
pub use export::export_user;
pub use front::Front;
pub use health::{Component, Probe, Standing};
pub use home::SNIPPETS;
pub use limits::LimitSettings;
pub use metered::Metered;
pub use metrics::Metrics;
pub use openai::Offer;
pub use openapi::openapi_document;
pub use routes::{Route, Rule, route_table};
pub use server::Server;
pub use settings::{LeftActive, Settings};
