//! `input.respond`: answers to questions that a thread waits with.

use everthread_graph::contract::ThreadKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::start::{assistant, begin, run_of};
use super::{Command, Done, Refusal};
use crate::app::App;
use crate::runs::Kept;
use crate::wire::{CommandBody, ConfigBody, GotoBody};

#[derive(Deserialize)]
struct RespondParams {
    interrupt_id: Option<String>,
    response: Option<Box<RawValue>>,
    responses: Option<Vec<Entry>>,
    update: Option<Box<RawValue>>,
    goto: Option<GotoBody>,
    config: Option<ConfigBody>,
    metadata: Option<Map<String, Value>>,
}

/// One answer. The namespace of its question is not needed: ids are unique in a thread.
#[derive(Deserialize)]
struct Entry {
    interrupt_id: String,
    response: Option<Box<RawValue>>,
}

impl RespondParams {
    fn entries(&mut self) -> Result<Vec<Entry>, Refusal> {
        if let Some(entries) = self.responses.take() {
            if entries.is_empty() {
                return Err(Refusal::invalid(
                    "input.respond requires at least one response.",
                ));
            }
            return Ok(entries);
        }
        match self.interrupt_id.take() {
            Some(interrupt_id) => Ok(vec![Entry {
                interrupt_id,
                response: self.response.take(),
            }]),
            None => Err(Refusal::invalid("input.respond requires an interrupt_id.")),
        }
    }
}

/// Answers, and lets the thread go on in a run of its own.
pub(super) async fn respond(
    app: &App,
    key: &ThreadKey,
    command: &Command,
) -> Result<Done, Refusal> {
    let mut asked: RespondParams = command.read_params()?;
    let entries = asked.entries()?;
    let ids: Vec<String> = entries.iter().map(|one| one.interrupt_id.clone()).collect();
    let thread = app.store.thread(key).await?;
    let unknown = unknown(app, key, thread.as_ref(), &ids).await?;
    let assistant = thread.as_ref().and_then(assistant);
    let (None, Some(assistant)) = (&unknown, assistant) else {
        let id = unknown.unwrap_or_else(|| ids[0].clone());
        return Err(Refusal::new(
            "no_such_interrupt",
            format!("Unknown or already-consumed interrupt: {id}"),
        ));
    };
    let mut run = run_of(&assistant);
    run.config = asked.config;
    run.metadata = asked.metadata;
    run.command = Some(CommandBody {
        resume: Some(by_id(&entries)?),
        update: asked.update,
        goto: asked.goto,
    });
    begin(app, key, run, ids).await
}

/// The first question that the thread does not wait with, or that is being answered.
async fn unknown(
    app: &App,
    key: &ThreadKey,
    thread: Option<&everthread_store::Thread>,
    ids: &[String],
) -> Result<Option<String>, Refusal> {
    let state = match thread {
        Some(thread) => app.state_of(key, thread).await?,
        None => None,
    };
    let waiting = state.map(|state| state.interrupts).unwrap_or_default();
    let alive = app.runs.alive(key).await?;
    let answered: Vec<String> = alive
        .iter()
        .filter_map(|run| Kept::read(run.details.as_ref())?.commanded)
        .flat_map(|commanded| commanded.answers)
        .collect();
    let is_open = |id: &&String| waiting.iter().any(|one| one.id == **id) && !answered.contains(id);
    Ok(ids.iter().find(|id| !is_open(id)).cloned())
}

/// Answers as the engine takes them: an object by id.
fn by_id(entries: &[Entry]) -> Result<Box<RawValue>, Refusal> {
    let fields: Vec<String> = entries
        .iter()
        .map(|one| {
            let id = Value::from(one.interrupt_id.as_str());
            let response = one.response.as_ref().map_or("null", |given| given.get());
            format!("{id}:{response}")
        })
        .collect();
    RawValue::from_string(format!("{{{}}}", fields.join(",")))
        .map_err(|error| Refusal::invalid(error.to_string()))
}
