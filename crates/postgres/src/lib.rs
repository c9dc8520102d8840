//! The PostgreSQL store: users, threads, messages, checkpoints and runs in one schema of a database that many
//! processes share.
//!
//! [`PostgresStore`] implements the contract of `everthread-store` and knows nothing above it. Processes know of each
//! other only what the rows say: each holds a lease, and the runs of one whose lease ran out are others' to take up.
//!
//! **Where rows lie.** Every table of users' rows leads with `user_id`, the user's own id as text: a distributed engine
//! places rows by it, and nobody has to ask another table where a user is. A thread is a number beside it, which its
//! process makes of the time and of chance, so that the rows of a long conversation do not carry the thread's name a
//! thousand times; checkpoints and runs are UUIDs that come from the engine. No id and no time is made by the database,
//! except for leases, which go by its clock alone.
//!
//! **How a step is written.** Its thread's row is locked and read in one round trip, and what the step writes goes out
//! with the commit in another. Between the two the process knows what it needs: it remembers the threads that it wrote
//! last, and the row's `mark` tells whether somebody else has written since.
//!
//! **What text may hold.** PostgreSQL's text holds no NUL, and its binary JSON not even the escape of one. Values are
//! JSON text, where a NUL is an escape; in other texts (titles, ids of messages, keys) it is written as two others,
//! and read back.
//!
//! ```no_run
//! use everthread_graph::contract::UserId;
//! use everthread_postgres::{PostgresOptions, PostgresStore};
//! use everthread_store::Store;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = PostgresOptions::from_url("postgres://eve@localhost/chat")?;
//! let store = PostgresStore::open(options).await?;
//! assert!(store.user(&UserId::new("alice")?).await?.is_none());
//! store.close().await?;
//! # Ok(())
//! # }
//! ```

mod checkpointer;
mod conn;
mod error;
mod indexer;
mod items;
mod migrations;
mod open;
mod options;
mod owner;
mod param;
mod portable;
mod sql;
mod store;
mod tls;
mod writer;

pub use everthread_store::Clock;
pub use options::{PostgresOptions, Tls, Verify};
pub use store::PostgresStore;
