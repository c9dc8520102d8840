//! The SQLite store: users, threads, messages, checkpoints and runs in one file, or in memory.
//!
//! [`SqliteStore`] implements the contract of `everthread-store` and knows nothing above it. Everything that is
//! written goes through one thread, which groups what waits into one transaction; everything else is read beside it
//! on connections that cannot write. The statements are plain functions over a connection, in `sql`.
//!
//! ```
//! use everthread_sqlite::{SqliteOptions, SqliteStore};
//! use everthread_store::Store;
//! use everthread_graph::contract::UserId;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SqliteStore::open(SqliteOptions::from_url("sqlite::memory:")?)?;
//! assert!(store.user(&UserId::new("alice")?).await?.is_none());
//! store.close().await?;
//! # Ok(())
//! # }
//! ```

mod check;
mod checkpointer;
mod error;
mod items;
mod langgraph;
mod migrations;
mod open;
mod options;
mod owner;
mod portable;
mod readers;
mod sql;
mod store;
mod vfs;
mod writer;

pub use everthread_store::Clock;
pub use langgraph::LangGraphFile;
pub use options::{Access, Location, SqliteOptions, Synchronous};
pub use store::SqliteStore;
