//! A store's rows in a form that every store understands, to be kept in archives, moved to another store and written
//! back.
//!
//! Users and threads are named by their ids; runs, branches, changes and messages keep the numbers that they have
//! within their thread. Rows come in one fixed order, so that what is read, written into an empty store and read again
//! is the same, row by row: the deployment's documents; then each user in the order of their ids (the bytes of the
//! text), with sessions, items, and each thread in the order of its id, followed by the rows of the thread.
//!
//! What is derived (the search index, counts of messages by user) is not among them.

mod erased;
mod order;
mod policy;
mod row;

use everthread_graph::contract::{StoreError, ThreadKey, UserId};
use futures::stream::BoxStream;

pub use erased::{ERASED, Mark};
pub use order::Order;
pub use policy::{Decision, OnConflict, Outcome, WriteRows, Written, copy_id};
pub use row::{
    BranchRow, ChangeRow, CheckpointRow, EventRow, HeadRow, ItemRow, Kind, MessageRow, PendingRow,
    Row, RunRow, ThreadRow, UserRow,
};

/// Rows as they come, some at a time: at most about [`BATCH_BYTES`] together, or one row that is larger.
pub type RowStream = BoxStream<'static, Result<Vec<Row>, StoreError>>;

/// What the rows of a batch hold together, about.
pub const BATCH_BYTES: usize = 256 * 1024;

/// Rows of a batch, at most.
pub const BATCH_ROWS: usize = 1_000;

/// Which rows are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All: the deployment's documents and every user.
    Whole,
    /// Everything of one user.
    User(UserId),
    /// One thread. The profile of its user is not among the rows.
    Thread(ThreadKey),
}

/// What is written in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Documents of the deployment, in the order of [`Row::Record`]; no other rows.
    Records,
    /// A user's own rows: [`Row::User`], then sessions and items.
    User(UserId),
    /// A thread: [`Row::Thread`], then its rows in order.
    Thread(ThreadKey),
}
