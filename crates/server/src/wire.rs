//! What goes over the wire: shapes of their own, never the stored ones, converted by hand.

mod assistant;
mod item;
mod mode;
mod raw;
mod run;
mod run_view;
mod select;
mod state;
mod thread;

pub(crate) use crate::times::iso;
pub use assistant::{AssistantCreate, AssistantPatch, AssistantSearch, LatestBody, VersionSearch};
pub use item::{ItemDelete, ItemPut, ItemSearch, NamespaceSearch};
pub(crate) use mode::{Mode, Modes};
pub(crate) use raw::{insert_field, one_line};
pub use run::{
    CheckpointBody, CommandBody, ConfigBody, DurabilityName, GotoBody, IfNotExists, OnCompletion,
    OnDisconnect, OneOrMany, PlaceBody, RunCreate, RunsCancel, Strategy,
};
pub(crate) use run_view::{run, run_status, stored_statuses, webhook_body};
pub(crate) use select::select;
pub(crate) use state::{AboutThread, before, before_input, empty, state, update_answer};
pub use state::{CheckpointLookup, HistoryRequest, StateUpdate};
pub use thread::{
    Superstep, SuperstepUpdate, ThreadCount, ThreadCreate, ThreadPatchBody, ThreadPrune,
    ThreadSearch, Ttl, TtlBody,
};
pub(crate) use thread::{in_minutes, thread};
