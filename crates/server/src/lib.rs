//! The HTTP server: many users' threads behind the LangGraph protocol and Everthread's own interface.
//!
//! A [`Server`] is given a store and graphs and serves them on a listener that its caller bound. It knows no
//! database, no model and no command line: those are wired by whoever builds it.

mod app;
mod error;
pub mod identity;
mod routes;
mod server;
mod settings;

pub use app::App;
pub use error::ApiError;
pub use routes::{Route, Rule, route_table};
pub use server::Server;
pub use settings::Settings;
