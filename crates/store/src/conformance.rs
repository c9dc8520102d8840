//! The cases that every store passes.
//!
//! A store crate implements [`Factory`] in its tests and calls [`conformance_tests!`](crate::conformance_tests) with
//! it: that gives one test for each case of the one list here, so that no store picks its cases.

mod build;

pub use build::{Ids, Step, append, apply, element, json, key, value};
