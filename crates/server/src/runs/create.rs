//! From a run as it is asked for to an order.

use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Json, Multitask, RunId, ThreadKey};
use everthread_graph::{AnyGoto, AnyInput};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::hub::Hub;
use super::kept::Kept;
use super::order::Order;
use crate::assistants::Resolved;
use crate::error::ApiError;
use crate::wire::{
    CommandBody, DurabilityName, GotoBody, Mode, OneOrMany, PlaceBody, RunCreate, Strategy,
};

/// Where a run is to be made.
pub(crate) struct Target {
    /// The thread.
    pub(crate) key: ThreadKey,
    /// The thread is deleted when the run has ended.
    pub(crate) temporary: bool,
    /// The thread's metadata do not name this graph and assistant yet.
    pub(crate) name_thread: bool,
}

/// The order of a run that is asked for.
///
/// # Errors
/// 422 for what cannot be read, an unknown mode or a webhook that is not allowed.
pub(crate) async fn order(
    hub: &Hub,
    asked: RunCreate,
    found: &Resolved,
    target: Target,
) -> Result<Order, ApiError> {
    if let Some(url) = &asked.webhook {
        hub.webhooks.check(url).await?;
    }
    let modes = modes(asked.stream_mode)?;
    let input = input(asked.input.as_deref(), asked.command.as_ref())?;
    let config = asked.config.unwrap_or_default();
    let checkpoint = checkpoint(
        asked.checkpoint_id,
        asked
            .checkpoint
            .and_then(|checkpoint| checkpoint.checkpoint_id),
        config.configurable.as_ref(),
    )?;
    let during = asked.checkpoint_during.map(|during| {
        if during {
            DurabilityName::Async
        } else {
            DurabilityName::Exit
        }
    });
    let command = asked.command.as_ref().and_then(shown_command);
    let strategy = asked.multitask_strategy.unwrap_or_default();
    let names = |names: Option<OneOrMany>| names.map(OneOrMany::into_vec).unwrap_or_default();
    let kept = Kept {
        assistant: found.assistant.id.to_string(),
        input: Kept::shown(asked.input.as_deref()),
        command: Kept::shown(command.as_deref()),
        context: context(found, asked.context, config.configurable.as_ref()),
        metadata: asked.metadata.unwrap_or_default(),
        modes,
        before: names(asked.interrupt_before),
        after: names(asked.interrupt_after),
        checkpoint: checkpoint.map(|id| id.to_string()),
        webhook: asked.webhook,
        feedback_keys: asked.feedback_keys,
        subgraphs: asked.stream_subgraphs.unwrap_or(false),
        resumable: asked.stream_resumable.unwrap_or(false),
        temporary: target.temporary,
        durability: asked.durability.or(during).unwrap_or_default(),
        on_disconnect: asked.on_disconnect.unwrap_or_default(),
        config: Some(merged(found, config)),
        commanded: None,
        asked: None,
    };
    Ok(Order {
        id: RunId::from_uuid(Uuid::now_v7()),
        key: target.key,
        graph: found.graph.clone(),
        input,
        policy: policy(strategy),
        checkpoint,
        kept: Arc::new(kept),
        attempt: 1,
        first_event: 0,
        name_thread: target.name_thread,
    })
}

fn policy(strategy: Strategy) -> Multitask {
    match strategy {
        Strategy::Enqueue => Multitask::Enqueue,
        Strategy::Reject => Multitask::Reject,
        Strategy::Interrupt => Multitask::Interrupt,
        Strategy::Rollback => Multitask::Rollback,
    }
}

fn modes(asked: Option<OneOrMany>) -> Result<Vec<String>, ApiError> {
    let asked = asked.map(OneOrMany::into_vec).unwrap_or_default();
    if asked.is_empty() {
        return Ok(vec![Mode::Values.name().to_owned()]);
    }
    for name in &asked {
        if Mode::from_name(name).is_none() {
            return Err(ApiError::invalid(format!(
                "stream_mode: {name:?} is none of {}",
                Mode::names()
            )));
        }
    }
    Ok(asked)
}

/// A command that says something comes before an input.
fn input(input: Option<&RawValue>, command: Option<&CommandBody>) -> Result<AnyInput, ApiError> {
    if let Some(command) = command {
        let goto = places(command.goto.as_ref())?;
        if command.resume.is_some() || command.update.is_some() || !goto.is_empty() {
            let json = |raw: &RawValue| Json::trusted(raw.get());
            return Ok(AnyInput::Command {
                update: command.update.as_deref().map(json),
                resume: command.resume.as_deref().map(json),
                goto,
            });
        }
    }
    Ok(input.map_or(AnyInput::Resume, |input| {
        AnyInput::Update(Json::trusted(input.get()))
    }))
}

/// Places to go, as the engine takes them.
///
/// # Errors
/// 422 when an input has no JSON form.
pub(crate) fn places(goto: Option<&GotoBody>) -> Result<Vec<AnyGoto>, ApiError> {
    let place = |place: &PlaceBody| match place {
        PlaceBody::Node(node) => Ok(AnyGoto::node(node.as_str())),
        PlaceBody::Send { node, input } => {
            let arg = Json::of(input).map_err(|error| ApiError::invalid(error.to_string()))?;
            Ok(AnyGoto::send(node.as_str(), arg))
        }
    };
    match goto {
        None => Ok(Vec::new()),
        Some(GotoBody::One(one)) => Ok(vec![place(one)?]),
        Some(GotoBody::Many(many)) => many.iter().map(place).collect(),
    }
}

/// A command as it is shown with the run.
fn shown_command(command: &CommandBody) -> Option<Box<RawValue>> {
    let mut fields = Vec::new();
    for (name, value) in [("resume", &command.resume), ("update", &command.update)] {
        if let Some(value) = value {
            fields.push(format!("\"{name}\":{}", value.get()));
        }
    }
    if let Some(goto) = &command.goto {
        fields.push(format!("\"goto\":{}", shown_goto(goto)));
    }
    RawValue::from_string(format!("{{{}}}", fields.join(","))).ok()
}

fn shown_goto(goto: &GotoBody) -> Value {
    let place = |place: &PlaceBody| match place {
        PlaceBody::Node(node) => Value::from(node.as_str()),
        PlaceBody::Send { node, input } => serde_json::json!({"node": node, "input": input}),
    };
    match goto {
        GotoBody::One(one) => place(one),
        GotoBody::Many(many) => many.iter().map(place).collect(),
    }
}

/// The checkpoint that a run names in one of three places.
fn checkpoint(
    id: Option<String>,
    of_checkpoint: Option<String>,
    configurable: Option<&Map<String, Value>>,
) -> Result<Option<CheckpointId>, ApiError> {
    let of_config = configurable
        .and_then(|fields| fields.get("checkpoint_id"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    let named = id.or(of_checkpoint).or(of_config);
    named
        .filter(|id| !id.is_empty())
        .map(|id| {
            id.parse()
                .map_err(|_| ApiError::invalid(format!("checkpoint_id: {id:?} is not a UUID")))
        })
        .transpose()
}

/// What is configurable and of the protocol rather than of the graph.
const OF_PROTOCOL: [&str; 6] = [
    "thread_id",
    "checkpoint_id",
    "checkpoint_ns",
    "checkpoint_map",
    "run_id",
    "graph_id",
];

/// What nodes read: the assistant's context, and upon it the run's, or what older clients call configurable.
fn context(
    found: &Resolved,
    asked: Option<Map<String, Value>>,
    configurable: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    let mut context = found.assistant.version.context.clone();
    match asked {
        Some(asked) => context.extend(asked),
        None => {
            let fields = configurable.into_iter().flatten();
            let own = fields.filter(|(name, _)| !OF_PROTOCOL.contains(&name.as_str()));
            context.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        }
    }
    context
}

/// A run's configuration upon its assistant's.
fn merged(found: &Resolved, asked: crate::wire::ConfigBody) -> crate::wire::ConfigBody {
    let own = Value::Object(found.assistant.version.config.clone());
    // An assistant's configuration is free; what is of another shape says nothing here.
    let own: crate::wire::ConfigBody = serde_json::from_value(own).unwrap_or_default();
    let mut configurable = own.configurable.unwrap_or_default();
    configurable.extend(asked.configurable.unwrap_or_default());
    crate::wire::ConfigBody {
        tags: asked.tags.or(own.tags),
        recursion_limit: asked.recursion_limit.or(own.recursion_limit),
        configurable: (!configurable.is_empty()).then_some(configurable),
        metadata: asked.metadata.or(own.metadata),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> RunCreate {
        serde_json::from_str(json).expect("a run")
    }

    #[test]
    fn a_command_comes_before_an_input_when_it_says_something() {
        let both =
            asked(r#"{"assistant_id": "a", "input": {"x": 1}, "command": {"resume": "yes"}}"#);
        let read = input(both.input.as_deref(), both.command.as_ref()).expect("an input");
        assert!(matches!(
            read,
            AnyInput::Command {
                resume: Some(_),
                ..
            }
        ));
        let empty = asked(
            r#"{"assistant_id": "a", "input": {"x": 1}, "command": {"resume": null, "goto": []}}"#,
        );
        let read = input(empty.input.as_deref(), empty.command.as_ref()).expect("an input");
        assert_eq!(read, AnyInput::Update(Json::trusted(r#"{"x": 1}"#)));
        let none = asked(r#"{"assistant_id": "a", "input": null}"#);
        assert_eq!(
            input(none.input.as_deref(), None).expect("an input"),
            AnyInput::Resume
        );
    }

    #[test]
    fn a_place_may_be_a_name_or_a_task() {
        let run = asked(
            r#"{"assistant_id": "a", "command": {"goto": ["a", {"node": "b", "input": [1]}]}}"#,
        );
        let goto = run.command.and_then(|command| command.goto);
        let all = places(goto.as_ref()).expect("places");
        assert_eq!(
            all,
            [AnyGoto::node("a"), AnyGoto::send("b", Json::trusted("[1]"))]
        );
    }

    #[test]
    fn a_checkpoint_is_found_wherever_it_is_named() {
        let id = Uuid::now_v7().to_string();
        let config = serde_json::json!({"checkpoint_id": id});
        for (of_body, of_checkpoint, config) in [
            (Some(id.clone()), None, None),
            (None, Some(id.clone()), None),
            (None, None, config.as_object()),
        ] {
            let found = checkpoint(of_body, of_checkpoint, config).expect("an id");
            assert_eq!(found.map(|found| found.to_string()), Some(id.clone()));
        }
        assert!(checkpoint(Some("x".to_owned()), None, None).is_err());
    }
}
