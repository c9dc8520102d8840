//! Backups of any store, in three forms: a snapshot (the file of a store that is kept in one), an archive (a ZIP of
//! rows that every store takes in) and an export (the same rows as one JSON document).
//!
//! A backup counts for something once it has been restored: [`verify`] restores it to a scratch store and compares.
//! [`restore`](mod@restore) validates first, builds the new store beside the old, and swaps them at one stroke. Stores
//! are only known by their contract; whoever runs this says how one is opened ([`Opener`]).

mod archive;
mod backup;
mod create;
mod digest;
mod error;
mod export;
mod import;
pub mod langgraph;
mod line;
mod list;
mod name;
mod opener;
mod part_stream;
mod prune;
pub mod restore;
mod verify;
mod wire;

pub use backup::{Backup, Facts, Form};
pub use create::{Create, Created, create};
pub use error::{BackupError, BackupErrorKind};
pub use import::{Import, Imported, import};
pub use list::{Listed, delete, find, list};
pub use name::{DEFAULT_PREFIX, stamp};
pub use opener::Opener;
pub use part_stream::{PartStream, split};
pub use prune::{KeepRules, prune, select};
pub use verify::{Verified, newest_verified, verify};

/// Hears how far long work has come: done, and in all (0 where nobody knows).
pub type Progress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);
