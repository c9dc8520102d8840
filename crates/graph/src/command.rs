//! What a node returns: an update, where to go next, or both.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::contract::Json;
use crate::node::NodeError;
use crate::state::{State, Update};

/// Where a run begins: a name for edges only.
pub const START: &str = "__start__";

/// Where a run comes to rest: a name for edges only.
pub const END: &str = "__end__";

/// A task for a node with an argument of its own, to run in the next step (LangGraph's `Send`).
#[derive(Debug, Clone, PartialEq)]
pub struct SendTo {
    pub(crate) node: Cow<'static, str>,
    pub(crate) arg: Json,
}

impl SendTo {
    /// Runs `node` in the next step; the node reads the argument with [`Context::arg`](crate::Context::arg).
    ///
    /// # Errors
    /// When the argument has no JSON form.
    pub fn new<A: Serialize + ?Sized>(
        node: impl Into<Cow<'static, str>>,
        arg: &A,
    ) -> Result<Self, NodeError> {
        Ok(Self {
            node: node.into(),
            arg: Json::of(arg)?,
        })
    }
}

/// One place to go: a node, [`END`], or a task of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Goto {
    /// This node, with the state as it is then.
    Node(Cow<'static, str>),
    /// A task with an argument.
    Send(SendTo),
}

impl Goto {
    pub(crate) fn node(&self) -> &str {
        match self {
            Self::Node(name) => name,
            Self::Send(send) => &send.node,
        }
    }
}

/// What may say where to go: names, [`SendTo`]s, and several of them.
pub trait IntoGoto {
    /// The places, in order.
    ///
    /// # Errors
    /// When the place could not be found out.
    fn into_goto(self) -> Result<Vec<Goto>, NodeError>;
}

impl IntoGoto for &'static str {
    fn into_goto(self) -> Result<Vec<Goto>, NodeError> {
        Ok(vec![Goto::Node(Cow::Borrowed(self))])
    }
}

impl IntoGoto for String {
    fn into_goto(self) -> Result<Vec<Goto>, NodeError> {
        Ok(vec![Goto::Node(Cow::Owned(self))])
    }
}

impl IntoGoto for SendTo {
    fn into_goto(self) -> Result<Vec<Goto>, NodeError> {
        Ok(vec![Goto::Send(self)])
    }
}

impl IntoGoto for Goto {
    fn into_goto(self) -> Result<Vec<Goto>, NodeError> {
        Ok(vec![self])
    }
}

impl<G: IntoGoto> IntoGoto for Vec<G> {
    fn into_goto(self) -> Result<Vec<Goto>, NodeError> {
        let all: Vec<_> = self
            .into_iter()
            .map(G::into_goto)
            .collect::<Result<_, _>>()?;
        Ok(all.concat())
    }
}

impl<G: IntoGoto, const N: usize> IntoGoto for [G; N] {
    fn into_goto(self) -> Result<Vec<Goto>, NodeError> {
        self.into_iter().collect::<Vec<_>>().into_goto()
    }
}

impl<G: IntoGoto> IntoGoto for Option<G> {
    fn into_goto(self) -> Result<Vec<Goto>, NodeError> {
        self.map_or(Ok(Vec::new()), G::into_goto)
    }
}

impl<G: IntoGoto, E: Into<NodeError>> IntoGoto for Result<G, E> {
    fn into_goto(self) -> Result<Vec<Goto>, NodeError> {
        self.map_err(Into::into)?.into_goto()
    }
}

/// A command for the graph above, in its own terms.
#[derive(Debug, Clone)]
pub(crate) struct ParentCommand {
    pub(crate) update: Json,
    pub(crate) goto: Vec<Goto>,
}

/// An update together with where to go next.
///
/// A node's `goto` adds to the node's edges. Given to `invoke`, a command updates the state and goes to nodes of
/// the caller's choice; with [`Command::resume`] it also answers an interrupt.
pub struct Command<S: State> {
    pub(crate) update: S::Update,
    pub(crate) goto: Vec<Goto>,
    pub(crate) resume: Option<Json>,
    pub(crate) parent: Option<Box<ParentCommand>>,
    pub(crate) failed: Option<NodeError>,
}

impl<S: State> Clone for Command<S> {
    fn clone(&self) -> Self {
        Self {
            update: self.update.clone(),
            goto: self.goto.clone(),
            resume: self.resume.clone(),
            parent: self.parent.clone(),
            failed: self.failed.clone(),
        }
    }
}

impl<S: State> fmt::Debug for Command<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("update", &self.update)
            .field("goto", &self.goto)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

impl<S: State> Default for Command<S> {
    fn default() -> Self {
        Self {
            update: S::Update::default(),
            goto: Vec::new(),
            resume: None,
            parent: None,
            failed: None,
        }
    }
}

impl<S: State> Command<S> {
    /// A command that does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also writes this.
    #[must_use]
    pub fn update(mut self, update: S::Update) -> Self {
        self.update.merge(update);
        self
    }

    /// Also goes there. What cannot be turned into a place fails the task.
    #[must_use]
    pub fn goto(mut self, goto: impl IntoGoto) -> Self {
        match goto.into_goto() {
            Ok(places) => self.goto.extend(places),
            Err(error) => self.failed = Some(error),
        }
        self
    }

    /// As an input: also answers the interrupt that waits, or several as an object of answers by interrupt id.
    #[must_use]
    pub fn resume<A: Serialize + ?Sized>(mut self, answer: &A) -> Self {
        match Json::of(answer) {
            Ok(answer) => self.resume = Some(answer),
            Err(error) => self.failed = Some(error.into()),
        }
        self
    }

    /// A command of a subgraph's node that ends the subgraph and is carried out in the graph above.
    #[must_use]
    pub fn in_parent<P: State>(command: Command<P>) -> Self {
        let mut this = Self::new();
        match command.update.to_json() {
            Ok(update) => {
                this.parent = Some(Box::new(ParentCommand {
                    update,
                    goto: command.goto,
                }));
            }
            Err(error) => this.failed = Some(error.into()),
        }
        this
    }

    /// A command from a graph inside, in the terms of this one.
    pub(crate) fn from_below(command: ParentCommand) -> Result<Self, NodeError> {
        let mut this = Self::new().update(S::Update::from_json(&command.update)?);
        this.goto = command.goto;
        Ok(this)
    }

    pub(crate) fn merge(&mut self, later: Self) {
        self.update.merge(later.update);
        self.goto.extend(later.goto);
        self.resume = later.resume.or(self.resume.take());
        self.parent = later.parent.or(self.parent.take());
        self.failed = self.failed.take().or(later.failed);
    }
}

/// What a node may return.
pub trait IntoCommand<S: State> {
    /// The command that it stands for.
    ///
    /// # Errors
    /// When the node failed.
    fn into_command(self) -> Result<Command<S>, NodeError>;
}

impl<S: State> IntoCommand<S> for Command<S> {
    fn into_command(mut self) -> Result<Self, NodeError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }
}

impl<S: State> IntoCommand<S> for () {
    fn into_command(self) -> Result<Command<S>, NodeError> {
        Ok(Command::new())
    }
}

impl<S: State, C: IntoCommand<S>> IntoCommand<S> for Vec<C> {
    fn into_command(self) -> Result<Command<S>, NodeError> {
        let mut all = Command::new();
        for one in self {
            all.merge(one.into_command()?);
        }
        Ok(all)
    }
}

impl<S: State, C: IntoCommand<S>> IntoCommand<S> for Option<C> {
    fn into_command(self) -> Result<Command<S>, NodeError> {
        self.map_or_else(|| Ok(Command::new()), C::into_command)
    }
}

impl<S: State, C: IntoCommand<S>, E: Into<NodeError>> IntoCommand<S> for Result<C, E> {
    fn into_command(self) -> Result<Command<S>, NodeError> {
        self.map_err(Into::into)?.into_command()
    }
}
