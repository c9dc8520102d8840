//! What a run is called with.

use std::fmt;

use crate::any::{AnyGoto, AnyInput};
use crate::command::{Command, Goto};
use crate::contract::Json;
use crate::error::Error;
use crate::state::{State, Update};

/// What a run is called with.
pub enum Input<S: State> {
    /// A new input: tasks that were pending are discarded, and the graph starts again.
    Update(S::Update),
    /// A command: an update, places to go, an answer.
    Command(Command<S>),
    /// Nothing: unfinished tasks are gone on with.
    Resume,
}

/// What may be given to `invoke`: an update, a [`Command`], or `()` to go on with unfinished tasks. Implement it
/// for a struct of your own to give a graph an input schema that is smaller than its state:
///
/// ```
/// use everthread_graph::{Input, IntoInput, State};
///
/// #[derive(State)]
/// struct Talk {
///     question: String,
///     answer: Option<String>,
/// }
///
/// struct Question(String);
///
/// impl IntoInput<Talk> for Question {
///     fn into_input(self) -> Input<Talk> {
///         Talk::update().question(self.0).into_input()
///     }
/// }
///
/// struct Answer(Option<String>);
///
/// impl From<&Talk> for Answer {
///     fn from(talk: &Talk) -> Self {
///         Self(talk.answer.clone())
///     }
/// }
/// # use everthread_graph::{END, START, StateGraph};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), everthread_graph::Error> {
/// # let graph = StateGraph::<Talk>::new()
/// #     .node("answer", async |talk: std::sync::Arc<Talk>, _| {
/// #         Talk::update().answer(format!("{}? Yes.", talk.question))
/// #     })
/// #     .edge(START, "answer")
/// #     .edge("answer", END)
/// #     .compile_stateless()?;
/// let answer: Answer = graph.invoke(Question("Ready".to_owned())).await?.read();
/// assert_eq!(answer.0.as_deref(), Some("Ready? Yes."));
/// # Ok(())
/// # }
/// ```
pub trait IntoInput<S: State>: Send {
    /// The input that it stands for.
    fn into_input(self) -> Input<S>;
}

impl<S: State> Clone for Input<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Update(update) => Self::Update(update.clone()),
            Self::Command(command) => Self::Command(command.clone()),
            Self::Resume => Self::Resume,
        }
    }
}

impl<S: State> fmt::Debug for Input<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Update(update) => f.debug_tuple("Update").field(update).finish(),
            Self::Command(command) => f.debug_tuple("Command").field(command).finish(),
            Self::Resume => f.write_str("Resume"),
        }
    }
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
    /// The whole input as it is kept with a run that waits.
    pub(super) fn to_json(&self) -> Result<Json, Error> {
        let place = |goto: &Goto| match goto {
            Goto::Node(name) => AnyGoto::node(name.clone()),
            Goto::Send(send) => AnyGoto::send(send.node.clone(), send.arg.clone()),
        };
        let input = match self {
            Self::Update(update) => AnyInput::Update(update.to_json()?),
            Self::Command(command) => AnyInput::Command {
                update: match &command.update {
                    update if update.is_empty() => None,
                    update => Some(update.to_json()?),
                },
                resume: command.resume.clone(),
                goto: command.goto.iter().map(place).collect(),
            },
            Self::Resume => AnyInput::Resume,
        };
        Ok(input.to_json())
    }
}
