//! The tests of the SQLite store, in one binary.

mod conformance;
mod histories;
mod smoke;
