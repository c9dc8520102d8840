//! The second generation of LangGraph's wire: a thread is spoken to with commands, and tells everything that happens
//! on it as one sequence of numbered events.
//!
//! The events are those that runs tell anyway, told in other words:
//!
//! ```text
//!  commands ──▶ Command ──▶ Order ──▶ Hub::start        engine's events ──▶ Drive
//!                                                                             │
//!                                         Speaker (Teller: other words) ◀─────┘
//!                                            │ one run at a time has the turn
//!                                            ▼
//!                                   Tape of the thread: numbers 1, 2, 3 …
//!                                            │ a Log for each run, in memory
//!                    ┌───────────────────────┴─────────┐
//!                    ▼                                 ▼
//!          batches into the store            Follow, by number and filter
//!                    └────▶ whoever comes back ──▶ SSE or WebSocket
//! ```
//!
//! Numbers are given before anything is filtered, so that a client may name a place whatever it listens to. A state is
//! not kept with its event: the event names the checkpoint, where the state is already.
//!
//! A run is told when it was begun with a command, or from the moment somebody follows its thread.

mod command;
mod event;
mod filter;
mod follow;
mod rest;
mod socket;
mod speaker;
mod tape;
mod teller;

pub(crate) use command::{Command, perform};
pub(crate) use filter::Filter;
pub(crate) use follow::Follow;
pub(crate) use socket::{Greeting, converse};
pub(crate) use speaker::{Ending, Speaker};
pub(crate) use tape::Tapes;

use everthread_graph::StreamModes;
use serde::{Deserialize, Serialize};

/// What the engine has to show of a run that is told whole.
pub(crate) fn modes() -> StreamModes {
    StreamModes::VALUES
        | StreamModes::UPDATES
        | StreamModes::MESSAGES
        | StreamModes::CUSTOM
        | StreamModes::DEBUG
}

/// What is kept with a run that a command began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Commanded {
    /// The questions that it answers, by id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) answers: Vec<String>,
}
