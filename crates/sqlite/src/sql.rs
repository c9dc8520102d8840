//! The statements: plain synchronous functions over a connection that is inside a transaction. They know the tables
//! and the rules, and nothing of threads, queues or waiting.

pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod claim;
pub(crate) mod commit;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod enqueue;
pub(crate) mod erase;
pub(crate) mod event;
pub(crate) mod hold;
pub(crate) mod ids;
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
pub(crate) mod tally;
pub(crate) mod thread;
pub(crate) mod transcript;
pub(crate) mod user;
