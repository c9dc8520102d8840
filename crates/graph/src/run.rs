//! The runner: it carries out what the planner says, and keeps what comes of it.

mod admit;
mod context;
mod defer;
mod flight;
mod guard;
mod hold;
mod input;
mod left;
mod options;
mod output;
mod start;
mod step;
mod steps;
mod task;
mod writes;

pub(crate) use context::{RunCx, StoreCx};
pub(crate) use flight::Flight;
pub use flight::Standing;
pub use input::{Input, IntoInput};
pub(crate) use left::{Left, take_carry};
pub use options::{Durability, RunOptions};
pub use output::RunOutput;
pub(crate) use start::{Call, EVERY_NODE, on_thread, stateless};
pub(crate) use step::tasks_of;
pub(crate) use steps::{Rest, Steps, names};
pub(crate) use task::targets_of;
pub(crate) use writes::{answers_of, error_of as error_left, interrupts_of, outputs_of};

use crate::contract::StoreError;
use crate::error::Error;
use crate::interrupt::Interrupt;

/// Why a run stopped before it came to rest.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A node or the engine failed.
    Failed(Error),
    /// A write failed: the run may have lost its right to write.
    Store(StoreError),
    /// It was cancelled.
    Cancelled,
    /// A node of a subgraph commands the graph above.
    Parent(crate::command::ParentCommand),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Questions of a run that stopped for them; none for one that stopped at a breakpoint.
pub(crate) type Questions = Vec<Interrupt>;
