//! Questions that a run stops for, and their answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::contract::{Json, TaskId};
use crate::error::{Error, ErrorKind};

/// A question that a node asked with [`Context::interrupt`](crate::Context::interrupt).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interrupt {
    /// Names the question: answers may be given by it.
    pub id: String,
    /// What was asked.
    pub value: serde_json::Value,
}

/// Answers by the id of the question.
pub(crate) type Answers = BTreeMap<String, Json>;

/// The id of a task's `n`th question: the same whenever the task runs again.
pub(crate) fn interrupt_id(task: TaskId, n: u32) -> String {
    Uuid::new_v5(&task.uuid(), &n.to_be_bytes())
        .simple()
        .to_string()
}

/// The answers of an object of answers by interrupt id, all of which are known.
pub(crate) fn by_id(answer: &Json, known: &[String]) -> Option<Answers> {
    let by_id: BTreeMap<String, Box<serde_json::value::RawValue>> = answer.read().ok()?;
    if by_id.is_empty() || !by_id.keys().all(|id| known.contains(id)) {
        return None;
    }
    let by_id = by_id.into_iter();
    let by_id = by_id.map(|(id, text)| (id, Json::trusted(text.get())));
    Some(by_id.collect())
}

/// Which questions an answer is for.
///
/// # Errors
/// `NothingToResume` when none waits, `AmbiguousResume` when several do and the answer names none of them.
pub(crate) fn assign(answer: &Json, waiting: &[String]) -> Result<Answers, Error> {
    if waiting.is_empty() {
        return Err(Error::new(
            ErrorKind::NothingToResume,
            "no interrupt waits for an answer on this thread",
        ));
    }
    if let Some(by_id) = by_id(answer, waiting) {
        return Ok(by_id);
    }
    match waiting {
        [only] => Ok(Answers::from([(only.clone(), answer.clone())])),
        _ => Err(Error::new(
            ErrorKind::AmbiguousResume,
            format!(
                "{} interrupts wait for answers; answer with an object of answers by interrupt id ({})",
                waiting.len(),
                waiting.join(", ")
            ),
        )),
    }
}
