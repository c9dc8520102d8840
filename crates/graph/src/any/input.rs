//! What a run is called with, as JSON; and how it is kept with a run that waits.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{invalid, json};
use crate::command::{Command, END, Goto, SendTo};
use crate::contract::Json;
use crate::error::{Error, did_you_mean};
use crate::graph::CompiledGraph;
use crate::run::Input;
use crate::state::{State, Update};

/// What a run is called with.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyInput {
    /// A new input: an object of channels, or an array of `[channel, value]` pairs. Tasks that were pending are
    /// discarded, and the graph starts again.
    Update(Json),
    /// A command.
    Command {
        /// Also writes this; the same forms as an input's.
        update: Option<Json>,
        /// Also answers the interrupt that waits, or several as an object of answers by interrupt id.
        resume: Option<Json>,
        /// Also goes there.
        goto: Vec<AnyGoto>,
    },
    /// Nothing: unfinished tasks are gone on with.
    Resume,
}

/// One place to go.
#[derive(Debug, Clone, PartialEq)]
pub struct AnyGoto {
    /// A node, or [`END`].
    pub node: String,
    /// With an argument it is a task of its own, LangGraph's `Send`.
    pub arg: Option<Json>,
}

impl AnyInput {
    /// The whole input as one JSON value: `{"update":{…}}`, `{"command":{"update":{…},"resume":…,"goto":[{"node":"a"},
    /// {"node":"b","arg":…}]}}` with the absent parts left out, or `null` for nothing.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::trusted(&match self {
            Self::Update(update) => format!(r#"{{"update":{update}}}"#),
            Self::Command {
                update,
                resume,
                goto,
            } => {
                let mut parts = Vec::new();
                parts.extend(update.as_ref().map(|json| format!(r#""update":{json}"#)));
                parts.extend(resume.as_ref().map(|json| format!(r#""resume":{json}"#)));
                if !goto.is_empty() {
                    let places: Vec<_> = goto.iter().map(AnyGoto::text).collect();
                    parts.push(format!(r#""goto":[{}]"#, places.join(",")));
                }
                format!(r#"{{"command":{{{}}}}}"#, parts.join(","))
            }
            Self::Resume => "null".to_owned(),
        })
    }

    /// Reads what [`AnyInput::to_json`] gave. An object with neither field is an update as it is: so were inputs kept
    /// before commands were kept whole.
    ///
    /// # Errors
    /// `InvalidInput`, naming the field that is wrong.
    pub fn from_json(json: &Json) -> Result<Self, Error> {
        if json.as_str().trim() == "null" {
            return Ok(Self::Resume);
        }
        let mut fields = fields(json, "an input at rest")?;
        match (fields.remove("update"), fields.remove("command")) {
            (Some(update), None) => Ok(Self::Update(super::json(&update))),
            (None, Some(command)) => Self::command(&super::json(&command)),
            (None, None) => Ok(Self::Update(json.clone())),
            (Some(_), Some(_)) => Err(invalid(
                "an input at rest has the field `update` or the field `command`, not both",
            )),
        }
    }

    fn command(command: &Json) -> Result<Self, Error> {
        let mut fields = fields(command, "the field `command`")?;
        let mut goto = Vec::new();
        if let Some(places) = fields.remove("goto") {
            let places: Vec<Box<RawValue>> = super::json(&places).read().map_err(|error| {
                invalid("the field `command.goto` is no array").with_source(error)
            })?;
            for (at, place) in places.iter().enumerate() {
                goto.push(AnyGoto::from_json(&json(place), at)?);
            }
        }
        Ok(Self::Command {
            update: fields.remove("update").as_deref().map(json),
            resume: fields.remove("resume").as_deref().map(json),
            goto,
        })
    }
}

impl AnyGoto {
    /// A node, or [`END`].
    #[must_use]
    pub fn node(name: impl Into<String>) -> Self {
        Self {
            node: name.into(),
            arg: None,
        }
    }

    /// A task of its own, with an argument.
    #[must_use]
    pub fn send(node: impl Into<String>, arg: Json) -> Self {
        Self {
            node: node.into(),
            arg: Some(arg),
        }
    }

    fn text(&self) -> String {
        let node = serde_json::Value::from(self.node.as_str());
        match &self.arg {
            None => format!(r#"{{"node":{node}}}"#),
            Some(arg) => format!(r#"{{"node":{node},"arg":{arg}}}"#),
        }
    }

    fn from_json(place: &Json, at: usize) -> Result<Self, Error> {
        let mut fields = fields(place, &format!("the field `command.goto[{at}]`"))?;
        let node = fields.remove("node").map(|node| json(&node).read());
        let Some(Ok(node)) = node else {
            return Err(invalid(format!(
                "the field `command.goto[{at}].node` is no text"
            )));
        };
        Ok(Self {
            node,
            arg: fields.remove("arg").as_deref().map(json),
        })
    }

    pub(super) fn typed<S: State>(self, graph: &CompiledGraph<S>) -> Result<Goto, Error> {
        if self.node != END {
            known(graph, &self.node)?;
        }
        let node = self.node.into();
        Ok(match self.arg {
            None => Goto::Node(node),
            Some(arg) => Goto::Send(SendTo { node, arg }),
        })
    }
}

impl<S: State> CompiledGraph<S> {
    /// An input with this graph's types.
    ///
    /// # Errors
    /// `InvalidInput`, naming the channel, the field or the node that is wrong.
    pub fn input(&self, input: AnyInput) -> Result<Input<S>, Error> {
        typed(self, input)
    }
}

/// An input with the graph's types.
pub(super) fn typed<S: State>(
    graph: &CompiledGraph<S>,
    input: AnyInput,
) -> Result<Input<S>, Error> {
    Ok(match input {
        AnyInput::Update(json) => {
            let update = update::<S>(&json)?;
            if update.is_empty() {
                refuse_unknown::<S>(&json)?;
            }
            if let Some(check) = &graph.inner.checks.input {
                check(&update).map_err(invalid)?;
            }
            Input::Update(update)
        }
        AnyInput::Resume => Input::Resume,
        AnyInput::Command {
            update: written,
            resume,
            goto,
        } => {
            let places = goto.into_iter().map(|place| place.typed(graph));
            Input::Command(Command {
                update: written
                    .map_or_else(|| Ok(S::Update::default()), |json| update::<S>(&json))?,
                goto: places.collect::<Result<_, _>>()?,
                resume,
                ..Command::new()
            })
        }
    })
}

/// An update: an object of channels, or an array of such objects and of `[channel, value]` pairs, which are written
/// one after the other.
pub(super) fn update<S: State>(json: &Json) -> Result<S::Update, Error> {
    if !json.as_str().trim_start().starts_with('[') {
        return S::Update::from_json(json);
    }
    let parts: Vec<Box<RawValue>> = json.read().map_err(not_read)?;
    let mut whole = S::Update::default();
    for (at, part) in parts.iter().enumerate() {
        let pair: Result<(String, Box<RawValue>), _> = serde_json::from_str(part.get());
        let part = match pair {
            Ok((channel, value)) => {
                let channel = serde_json::Value::from(channel);
                Json::trusted(&format!("{{{channel}:{value}}}"))
            }
            Err(_) if part.get().starts_with('{') => super::json(part),
            Err(_) => {
                return Err(invalid(format!(
                    "part {at} of the update is neither an object of channels nor a pair of a channel and its value"
                )));
            }
        };
        whole.merge(S::Update::from_json(&part)?);
    }
    Ok(whole)
}

/// Refuses an input that writes nothing and yet names something. Names that are no channels are passed over beside
/// names that are, since whoever calls a graph from a graph of theirs hands over their whole state.
fn refuse_unknown<S: State>(json: &Json) -> Result<(), Error> {
    // An array names its channels in pairs, which nobody writes by hand.
    let Ok(named) = crate::derived::fields(json) else {
        return Ok(());
    };
    let channels = || S::CHANNELS.iter().map(|info| info.name);
    let unknown: Vec<String> = named
        .iter()
        .map(|(name, _)| format!("{name:?}{}", did_you_mean(name, channels())))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = channels().collect();
    Err(invalid(format!(
        "the state has no channel {} (its channels: {})",
        unknown.join(", "),
        known.join(", ")
    )))
}

/// That the graph has this node.
pub(super) fn known<S: State>(graph: &CompiledGraph<S>, name: &str) -> Result<(), Error> {
    let topology = &graph.inner.topology;
    if topology.find(name).is_some() {
        return Ok(());
    }
    let hint = did_you_mean(name, topology.names().map(|known| &**known));
    Err(invalid(format!(
        "graph {:?} has no node {name:?}{hint}",
        graph.name()
    )))
}

fn fields(json: &Json, what: &str) -> Result<BTreeMap<String, Box<RawValue>>, Error> {
    json.read()
        .map_err(|error| invalid(format!("{what} is no JSON object")).with_source(error))
}

fn not_read(error: serde_json::Error) -> Error {
    invalid(format!("the update cannot be read: {error}")).with_source(error)
}
