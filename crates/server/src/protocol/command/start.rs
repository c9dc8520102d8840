//! `run.start` and `state.fork`.

use std::sync::Arc;

use everthread_graph::contract::ThreadKey;
use everthread_store::ThreadStatus;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::Commanded;
use super::{Command, Done, Refusal};
use crate::app::App;
use crate::beginning;
use crate::error::ApiError;
use crate::runs::{Target, order};
use crate::thread_graph::metadata;
use crate::wire::{CommandBody, ConfigBody, RunCreate, Strategy};

/// The strategy under its second name.
#[derive(Deserialize)]
struct Strategies {
    #[serde(rename = "multitaskStrategy")]
    second: Option<Strategy>,
}

#[derive(Deserialize)]
struct ForkParams {
    checkpoint_id: String,
    input: Option<Box<RawValue>>,
    config: Option<ConfigBody>,
}

/// Begins a run: with an input, or with the answer to the question that the thread waits with.
pub(super) async fn start(app: &App, key: &ThreadKey, command: &Command) -> Result<Done, Refusal> {
    let given: Value = command.read_params()?;
    if given["assistant_id"].as_str().is_none_or(str::is_empty) {
        return Err(Refusal::invalid("run.start requires an assistant_id."));
    }
    let mut asked: RunCreate = command.read_params()?;
    let strategies: Strategies = command.read_params()?;
    asked.multitask_strategy = asked.multitask_strategy.or(strategies.second);
    asked.command = None;
    let mut answers = Vec::new();
    if asked.input.is_some() && !names_checkpoint(&asked) {
        answers = waiting(app, key).await?;
        if !answers.is_empty() {
            asked.command = Some(CommandBody {
                resume: asked.input.take(),
                update: None,
                goto: None,
            });
        }
    }
    begin(app, key, asked, answers).await
}

/// Begins a run at a checkpoint.
pub(super) async fn fork(app: &App, key: &ThreadKey, command: &Command) -> Result<Done, Refusal> {
    let asked: ForkParams = command.read_params()?;
    let absent = || {
        let message = format!("Unknown checkpoint: {}", asked.checkpoint_id);
        Refusal::new("no_such_checkpoint", message)
    };
    let thread = app.store.thread(key).await?.ok_or_else(absent)?;
    let assistant = assistant(&thread).ok_or_else(absent)?;
    let mut run = run_of(&assistant);
    run.input = asked.input;
    run.config = asked.config;
    run.checkpoint_id = Some(asked.checkpoint_id.clone());
    let mut done = begin(app, key, run, Vec::new()).await?;
    done.result["thread_id"] = key.thread.as_str().into();
    Ok(done)
}

/// A run of this assistant, with nothing else said.
pub(super) fn run_of(assistant: &str) -> RunCreate {
    let text = json!({"assistant_id": assistant}).to_string();
    serde_json::from_str(&text).expect("every other field may be absent")
}

/// The assistant of a thread: the one that its last run named.
pub(super) fn assistant(thread: &everthread_store::Thread) -> Option<String> {
    let names = metadata(thread);
    let named = names.get("assistant_id").or_else(|| names.get("graph_id"));
    named.and_then(Value::as_str).map(str::to_owned)
}

fn names_checkpoint(asked: &RunCreate) -> bool {
    let configurable = asked
        .config
        .as_ref()
        .and_then(|config| config.configurable.as_ref());
    asked.checkpoint_id.is_some()
        || asked.checkpoint.is_some()
        || configurable.is_some_and(|fields| fields.contains_key("checkpoint_id"))
}

/// The questions that a thread waits with, while nothing else happens on it.
async fn waiting(app: &App, key: &ThreadKey) -> Result<Vec<String>, Refusal> {
    if app.runs.is_busy(key) {
        return Ok(Vec::new());
    }
    let thread = app.store.thread(key).await?;
    let Some(thread) = thread.filter(|thread| thread.status != ThreadStatus::Busy) else {
        return Ok(Vec::new());
    };
    let state = app.state_of(key, &thread).await?;
    let asked = state.into_iter().flat_map(|state| state.interrupts);
    Ok(asked.map(|one| one.id).collect())
}

/// Begins a run that is told whole.
pub(super) async fn begin(
    app: &App,
    key: &ThreadKey,
    mut asked: RunCreate,
    answers: Vec<String>,
) -> Result<Done, Refusal> {
    asked.stream_mode = None;
    asked.stream_subgraphs = Some(true);
    asked.stream_resumable = None;
    asked.after_seconds = None;
    let found = app.assistants.resolve(&asked.assistant_id).await;
    // Its code is the reference's.
    let found = found.map_err(|error| match error.status().is_server_error() {
        true => error.into(),
        false => Refusal::new("unknown_error", error.detail()),
    })?;
    let thread = app.store.thread(key).await?;
    let is_named = thread.as_ref().is_some_and(|thread| {
        let names = metadata(thread);
        let is = |name: &str, value: &str| names.get(name).and_then(Value::as_str) == Some(value);
        is("graph_id", found.graph.name()) && is("assistant_id", &found.assistant.id.to_string())
    });
    let target = Target {
        key: key.clone(),
        temporary: false,
        name_thread: !is_named,
    };
    let mut order = order(&app.runs, asked, &found, target).await?;
    let kept = Arc::make_mut(&mut order.kept);
    kept.commanded = Some(Commanded { answers });
    let checkpoint = order.checkpoint;
    if let Some(id) = checkpoint {
        let id = beginning::resolve(&*order.graph, &order.key, id, &order.input).await?;
        order.begin_at(id);
    }
    let run = order.id;
    let started = app.runs.start(order, false).await;
    started.map_err(|error| match checkpoint {
        Some(id) if is_absent(&error) => {
            Refusal::new("no_such_checkpoint", format!("Unknown checkpoint: {id}"))
        }
        _ => error.into(),
    })?;
    Ok(Done {
        result: json!({"run_id": run.to_string()}),
        run: Some(run),
    })
}

fn is_absent(error: &ApiError) -> bool {
    error.status() == axum::http::StatusCode::NOT_FOUND
}
