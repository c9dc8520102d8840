//! What tasks leave at a checkpoint, at rest.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::command::{Command, Goto, SendTo};
use crate::contract::{Json, TaskId, TaskWrites, WriteSlot};
use crate::error::{Error, ErrorKind};
use crate::interrupt::{Answers, Interrupt};
use crate::state::{State, Update};

/// Stands for the caller where a task is named: LangGraph's null task.
pub(crate) const CALLER: TaskId = TaskId::from_uuid(Uuid::nil());

/// A finished task's result at rest: `{"update":{…},"goto":[{"node":"a"},{"node":"b","arg":1}]}`.
#[derive(Serialize, Deserialize)]
struct TaskOutput {
    update: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    goto: Vec<Place>,
}

#[derive(Serialize, Deserialize)]
struct Place {
    node: String,
    /// Of a task of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arg: Option<Box<RawValue>>,
}

fn raw(json: &Json) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(json.as_str().to_owned()).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("what a task left cannot be read: {error}"),
    )
    .with_source(error)
}

fn places(goto: &[Goto]) -> Result<Vec<Place>, Error> {
    let place = |goto: &Goto| {
        Ok(match goto {
            Goto::Node(name) => Place {
                node: name.to_string(),
                arg: None,
            },
            Goto::Send(SendTo { node, arg }) => Place {
                node: node.to_string(),
                arg: Some(raw(arg)?),
            },
        })
    };
    goto.iter().map(place).collect()
}

/// A task's result.
pub(crate) fn output<S: State>(task: TaskId, command: &Command<S>) -> Result<TaskWrites, Error> {
    let output = TaskOutput {
        update: raw(&command.update.to_json()?)?,
        goto: places(&command.goto)?,
    };
    Ok(TaskWrites {
        task,
        slot: WriteSlot::Output,
        body: Json::of(&output).map_err(unreadable)?,
    })
}

/// The command that a result stands for.
fn command<S: State>(body: &Json) -> Result<Command<S>, Error> {
    let output: TaskOutput = serde_json::from_str(body.as_str()).map_err(unreadable)?;
    let update = S::Update::from_json(&Json::trusted(output.update.get()))?;
    let goto = output.goto.into_iter().map(|place| match place.arg {
        None => Goto::Node(place.node.into()),
        Some(arg) => Goto::Send(SendTo {
            node: place.node.into(),
            arg: Json::trusted(arg.get()),
        }),
    });
    Ok(Command {
        update,
        goto: goto.collect(),
        ..Command::new()
    })
}

/// The results among what tasks left.
pub(crate) fn outputs_of<S: State>(
    pending: &[TaskWrites],
) -> Result<Vec<(TaskId, Command<S>)>, Error> {
    let outputs = pending
        .iter()
        .filter(|writes| writes.slot == WriteSlot::Output);
    outputs
        .map(|writes| Ok((writes.task, command(&writes.body)?)))
        .collect()
}

#[derive(Serialize, Deserialize)]
struct Asked {
    interrupts: Vec<Interrupt>,
}

/// What a task asks.
pub(crate) fn asked(task: TaskId, interrupts: &[Interrupt]) -> Result<TaskWrites, Error> {
    let body = Asked {
        interrupts: interrupts.to_vec(),
    };
    Ok(TaskWrites {
        task,
        slot: WriteSlot::Interrupt,
        body: Json::of(&body).map_err(unreadable)?,
    })
}

/// Why a task failed.
pub(crate) fn failed(task: TaskId, error: &str) -> Result<TaskWrites, Error> {
    let body = serde_json::json!({ "error": error });
    Ok(TaskWrites {
        task,
        slot: WriteSlot::Error,
        body: Json::of(&body).map_err(unreadable)?,
    })
}

/// Answers for a task.
pub(crate) fn answered(task: TaskId, answers: &Answers) -> Result<TaskWrites, Error> {
    let answers = answers.iter().map(|(id, json)| Ok((id, raw(json)?)));
    let answers: std::collections::BTreeMap<_, _> = answers.collect::<Result<_, Error>>()?;
    Ok(TaskWrites {
        task,
        slot: WriteSlot::Resume,
        body: Json::of(&answers).map_err(unreadable)?,
    })
}

/// The questions that a task waits with: those without an answer yet, and none once it has a result.
pub(crate) fn interrupts_of(pending: &[TaskWrites], task: TaskId) -> Result<Vec<Interrupt>, Error> {
    let of = |slot| move |writes: &&TaskWrites| writes.task == task && writes.slot == slot;
    if pending.iter().any(|writes| of(WriteSlot::Output)(&writes)) {
        return Ok(Vec::new());
    }
    let answers = answers_of(pending, task)?;
    let mut open = asked_by(pending, task)?;
    open.retain(|interrupt| !answers.contains_key(&interrupt.id));
    Ok(open)
}

/// The questions that a task stopped for last, answered or not.
pub(crate) fn asked_by(pending: &[TaskWrites], task: TaskId) -> Result<Vec<Interrupt>, Error> {
    let mut asked = pending
        .iter()
        .filter(|writes| writes.task == task && writes.slot == WriteSlot::Interrupt);
    let Some(writes) = asked.next() else {
        return Ok(Vec::new());
    };
    let asked: Asked = writes.body.read().map_err(unreadable)?;
    Ok(asked.interrupts)
}

/// The answers that a task was given.
pub(crate) fn answers_of(pending: &[TaskWrites], task: TaskId) -> Result<Answers, Error> {
    let writes = pending
        .iter()
        .find(|writes| writes.task == task && writes.slot == WriteSlot::Resume);
    let Some(writes) = writes else {
        return Ok(Answers::new());
    };
    let answers: std::collections::BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(writes.body.as_str()).map_err(unreadable)?;
    let answers = answers.into_iter();
    Ok(answers
        .map(|(id, text)| (id, Json::trusted(text.get())))
        .collect())
}

/// Why a task failed, if it did.
pub(crate) fn error_of(pending: &[TaskWrites], task: TaskId) -> Option<String> {
    #[derive(Deserialize)]
    struct Failed {
        error: String,
    }
    let mut failed = pending
        .iter()
        .filter(|writes| writes.task == task && writes.slot == WriteSlot::Error);
    failed
        .next()?
        .body
        .read::<Failed>()
        .ok()
        .map(|failed| failed.error)
}
