//! What a run is called with.

use crate::command::Command;
use crate::contract::Json;
use crate::error::Error;
use crate::state::{State, Update};

/// What a run is called with.
#[derive(Debug, Clone)]
pub enum Input<S: State> {
    /// A new input: tasks that were pending are discarded, and the graph starts again.
    Update(S::Update),
    /// A command: an update, places to go, an answer.
    Command(Command<S>),
    /// Nothing: unfinished tasks are gone on with.
    Resume,
}

/// What may be given to `invoke`: an update, a [`Command`], or `()` to go on with unfinished tasks.
pub trait IntoInput<S: State>: Send {
    /// The input that it stands for.
    fn into_input(self) -> Input<S>;
}

impl<S: State> IntoInput<S> for Input<S> {
    fn into_input(self) -> Input<S> {
        self
    }
}

impl<S: State> IntoInput<S> for Command<S> {
    fn into_input(self) -> Input<S> {
        Input::Command(self)
    }
}

impl<S: State> IntoInput<S> for () {
    fn into_input(self) -> Input<S> {
        Input::Resume
    }
}

impl<S: State, I: IntoInput<S>> IntoInput<S> for Option<I> {
    fn into_input(self) -> Input<S> {
        self.map_or(Input::Resume, I::into_input)
    }
}

impl<S: State> Input<S> {
    /// The input as it is kept with a run that waits.
    pub(super) fn to_json(&self) -> Result<Json, Error> {
        match self {
            Self::Update(update) => update.to_json(),
            Self::Command(command) => command.update.to_json(),
            Self::Resume => Ok(Json::trusted("null")),
        }
    }
}
