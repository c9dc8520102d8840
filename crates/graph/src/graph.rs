//! The graph: built by hand, checked once, then run.

mod build;
mod check;
mod compiled;
mod route;

pub(crate) use build::ItemsOf;
pub use build::{Sources, StateGraph};
pub use compiled::CompiledGraph;
pub(crate) use compiled::{Inner, Settings};
pub(crate) use route::Route;
pub use route::Targets;
