//! The store contract: what a durable home of users, threads, messages, checkpoints and runs must do.
//!
//! [`Store`] extends the engine's [`Checkpointer`] and [`Items`], so every store serves a graph as it is, without an
//! adapter between them. This crate names no database driver; each store is a crate of its own and passes the same
//! conformance cases (feature `conformance`).
//!
//! Beside the contract stands what every store decides alike and without a database: how a list is numbered and
//! written ([`ListState`], [`StoredList`]), what contradicts itself ([`ThreadAudit`]), what a word is ([`words`],
//! [`Query`]), and what metadata contain ([`contains`]). [`portable`] holds the form in which rows leave a store and come into another,
//! [`langgraph`] that of rows which somebody else wrote, [`retention`] what time makes superfluous, [`upkeep`] what keeps a
//! store quick.

mod audit;
mod batch;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod ids;
pub mod langgraph;
mod list;
mod message;
mod metadata;
pub mod portable;
mod query;
mod ranges;
mod record;
mod report;
pub mod retention;
mod run;
mod search;
mod session;
mod store;
mod thread;
pub mod upkeep;
mod user;
mod words;

pub use audit::{CheckpointRow, DocumentAudit, MAX_LISTED, RunRow, ThreadAudit, ThreadCounts};
pub use batch::{batch_events, batch_text};
pub use clock::Clock;
pub use everthread_graph::contract::{Checkpointer, Items, StoreError, StoreErrorKind};
pub use ids::{canonical_uuid, time_of};
pub use list::{Chain, DeltaError, ListDamage, ListEdit, ListState, StoredList};
pub use message::{ReadMessages, StoredMessage};
pub use metadata::{contains, merged};
pub use query::{Query, QueryWord, text_of};
pub use ranges::{Ranges, Splice};
pub use record::{ListRecords, Record};
pub use report::{
    ActiveUsers, CheckReport, Kept, LARGEST, LargeThread, LargeUser, Problem, Pruned, SizeByKind,
    Stats,
};
pub use retention::{FindStale, Goes, Removed, StalePage, StaleRule, StaleSize, StaleThread};
pub use run::{Claimed, Run, RunEvent, RunQuery, RunStatus};
pub use search::{Hit, SNIPPET_CHARS, Search};
pub use session::Session;
pub use store::{Store, TRANSCRIPT};
pub use thread::{
    Deleted, FindThreads, ListThreads, NewThread, Thread, ThreadPage, ThreadPatch, ThreadSort,
    ThreadStatus,
};
pub use user::{Erased, ListUsers, User, UserPatch, UserProfile};
pub use words::{Word, words};
