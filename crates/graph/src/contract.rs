//! What the engine asks of a durable home for checkpoints, and the values that cross that border.
//!
//! A database crate implements [`Checkpointer`] and [`Items`]; the engine calls them. Nothing here knows how
//! state is typed (that is the engine's) or how rows look (that is the store's): channels cross the border as
//! [`Change`]s on the way in and [`ChannelValue`]s on the way out.

mod change;
mod checkpoint;
mod checkpointer;
mod commit;
mod error;
mod ids;
mod items;
mod json;

pub use change::{Change, ChannelChange, Dropped, Element, ListDelta, Piece, Removal};
pub use checkpoint::{
    ChannelValue, Checkpoint, HistoryQuery, Saved, Source, TaskWrites, WriteSlot,
};
pub use checkpointer::{Admission, At, Checkpointer, Ticket, TicketSender};
pub use commit::{Commit, Fence, Multitask, NewRun, PendingWrites, RunMark, RunOutcome};
pub use error::{StoreError, StoreErrorKind};
pub use ids::{CheckpointId, IdError, Namespace, RunId, TaskId, ThreadId, ThreadKey, UserId};
pub use items::{Item, ItemFilter, ItemQuery, Items, NamespaceQuery};
pub use json::Json;
