//! Conversation graphs: typed state, reducers, a pure superstep planner and an async runner.
//!
//! This crate knows no database, no HTTP, no model and no chat. What it needs of a durable home is the
//! [`contract`]: the [`Checkpointer`](contract::Checkpointer) trait and the values that cross it.

// The derive names this crate by its name, in this crate's own tests too.
#[cfg(test)]
extern crate self as everthread_graph;

pub mod contract;
#[doc(hidden)]
pub mod derived;

mod any;
mod command;
mod context;
mod draw;
mod error;
mod event;
mod graph;
mod head;
mod ids;
mod interrupt;
mod keyed;
mod list;
mod node;
mod plan;
mod run;
mod splice;
mod state;
mod stream;
mod subgraph;
mod thread;

pub use any::{
    AnyEdit, AnyGoto, AnyGraph, AnyInput, AnyInside, AnyOutput, AnyState, AnyStream, AnyTask,
    GraphSchemas,
};
pub use command::{Command, END, Goto, IntoCommand, IntoGoto, START, SendTo};
pub use context::Context;
pub use draw::{Edge as PictureEdge, Node as PictureNode, Picture};
pub use error::{Error, ErrorKind};
pub use event::{Event, EventData, View};
pub use everthread_macros::State;
pub use graph::{CompiledGraph, Sources, StateGraph, Targets};
pub use ids::{Clock, Ids, SystemClock, SystemIds};
pub use interrupt::Interrupt;
pub use keyed::{ById, Edit, Edits, Entry, Identify, Keyed};
pub use list::{Additions, List};
pub use node::{NodeError, NodeOptions, RetryPolicy};
pub use run::{Durability, Input, IntoInput, RunOptions, RunOutput, Standing};
pub use state::{
    Channel, ChannelInfo, ChannelKind, Ephemeral, Last, Overwrite, Reduce, Reduced, Reducer, State,
    Step, Untracked, Update, Value,
};
pub use stream::{RunStream, StreamModes};
pub use thread::{HistoryEntry, StateView, TaskView, Thread, ThreadRef};
pub use tokio_util::sync::CancellationToken;
