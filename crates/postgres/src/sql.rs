//! The statements: plain functions over a connection. They know the tables and the rules, and nothing of pools, queues
//! or waiting.
//!
//! Who changes rows of a thread beside the path of a commit [seizes](place::seize) it first: that locks its row, and says
//! to all who remember the thread that they remember it no more.

pub(crate) mod change;
pub(crate) mod channel;
pub(crate) mod check;
pub(crate) mod claim;
pub(crate) mod commit;
pub(crate) mod copy;
pub(crate) mod cursor;
pub(crate) mod delete;
pub(crate) mod desk;
pub(crate) mod enqueue;
pub(crate) mod erase;
pub(crate) mod event;
pub(crate) mod hold;
pub(crate) mod index;
pub(crate) mod item;
pub(crate) mod load;
pub(crate) mod place;
pub(crate) mod portable;
pub(crate) mod prune;
pub(crate) mod queue;
pub(crate) mod record;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod run_rules;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod stale;
pub(crate) mod state;
pub(crate) mod stats;
pub(crate) mod thread;
pub(crate) mod transcript;
pub(crate) mod upkeep;
pub(crate) mod user;
