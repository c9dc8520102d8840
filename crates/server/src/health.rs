//! How the server is: alive, ready, and every part of it.

mod probe;
mod serve;
mod storage;

pub use probe::{Component, Probe, Standing};
pub(crate) use serve::{Alive, Health, LIVEZ, alive, routes};
pub(crate) use storage::StorageProbe;
