//! A person's answer to a draft.

use everthread_model::Content;
use serde_json::Value;

/// The forms of an answer, as they are told to whoever is asked.
pub(super) const FORMS: &str = "true, {\"action\": \"approve\"}, {\"action\": \"edit\", \"content\": \"the reply\"} or \
                                {\"action\": \"reject\", \"note\": \"what to do better\"}";

/// What is to become of a draft.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Approve,
    /// This is said instead.
    Edit(Content),
    /// Another draft is wanted; the note may be empty.
    Reject(String),
}

impl Verdict {
    /// Reads an answer.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub(super) fn read(answer: &Value) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("{what}; the answer to a draft is {FORMS}"));
        let action = match answer {
            Value::Bool(true) => "approve",
            Value::Bool(false) => "reject",
            Value::String(action) => action,
            Value::Object(fields) => match fields.get("action") {
                Some(Value::String(action)) => action,
                _ => return wrong("the field `action` is no text"),
            },
            _ => return wrong("this is no answer"),
        };
        match action {
            "approve" => Ok(Self::Approve),
            "edit" => match answer.get("content").map(content) {
                Some(Some(content)) => Ok(Self::Edit(content)),
                _ => wrong("the field `content` is neither text nor content blocks"),
            },
            "reject" => match answer.get("note") {
                None | Some(Value::Null) => Ok(Self::Reject(String::new())),
                Some(Value::String(note)) => Ok(Self::Reject(note.clone())),
                Some(_) => wrong("the field `note` is no text"),
            },
            other => wrong(&format!("there is no action {other:?}")),
        }
    }
}

/// Content that says something.
fn content(value: &Value) -> Option<Content> {
    let says_nothing = match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(blocks) => blocks.is_empty(),
        _ => true,
    };
    if says_nothing {
        return None;
    }
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_approves_edits_or_rejects() {
        for (answer, verdict) in [
            (json!(true), Verdict::Approve),
            (json!("approve"), Verdict::Approve),
            (json!({"action": "approve"}), Verdict::Approve),
            (
                json!({"action": "edit", "content": "x"}),
                Verdict::Edit("x".to_owned().into()),
            ),
            (json!(false), Verdict::Reject(String::new())),
            (json!("reject"), Verdict::Reject(String::new())),
            (
                json!({"action": "reject", "note": "no"}),
                Verdict::Reject("no".into()),
            ),
        ] {
            assert_eq!(Verdict::read(&answer), Ok(verdict), "{answer}");
        }
    }

    #[test]
    fn a_wrong_answer_says_what_would_be_right() {
        for answer in [
            json!(1),
            json!("send it"),
            json!({"action": 1}),
            json!({"action": "edit"}),
            json!({"action": "edit", "content": " "}),
            json!({"action": "edit", "content": []}),
            json!({"action": "reject", "note": 5}),
        ] {
            let wrong = Verdict::read(&answer).expect_err("wrong");
            assert!(wrong.contains(FORMS), "{wrong}");
        }
    }
}
