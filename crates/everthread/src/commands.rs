//! The commands, a file each.

pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod doctor;
pub(crate) mod graph;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod serve;
pub(crate) mod storage;
pub(crate) mod threads;
pub(crate) mod users;
