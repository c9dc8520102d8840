//! A message as it lies here: LangChain's JSON without the id.

use std::borrow::Cow;

use everthread_model::Message;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::coerce;

/// LangChain's name for "every message" in a removal.
const REMOVE_ALL: &str = "__remove_all__";

/// What is written to a list of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    /// It is added, or takes the place of the one with its id.
    Say(Said),
    /// The one with this id goes.
    Remove(String),
    /// All go.
    RemoveAll,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) id: Option<String>,
    pub(super) body: String,
}

#[derive(Deserialize)]
struct Removal<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// Reads an element of a list; `None` when it is no message.
pub(super) fn read(element: &RawValue) -> Option<Edit> {
    let text = element.get();
    if text.contains("\"remove\"")
        && let Ok(removal) = serde_json::from_str::<Removal<'_>>(text)
        && removal.r#type == "remove"
    {
        return Some(match &*removal.id {
            REMOVE_ALL => Edit::RemoveAll,
            id => Edit::Remove(id.to_owned()),
        });
    }
    let message = serde_json::from_str::<Message>(text).ok().or_else(|| {
        let value: Value = serde_json::from_str(text).ok()?;
        coerce::read(value)
    })?;
    said(message).map(Edit::Say)
}

/// Reads what a node or an input wrote: a list of messages, or one; and how many parts of it are none.
pub(super) fn read_write(text: &str) -> (Vec<Edit>, u64) {
    let mut edits = Vec::new();
    let mut none = 0;
    let mut take = |element: &RawValue| match read(element) {
        Some(edit) => edits.push(edit),
        None => none += 1,
    };
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(elements) if !is_pair(&elements) => elements.into_iter().for_each(&mut take),
        _ => {
            if let Ok(one) = serde_json::from_str::<&RawValue>(text)
                && one.get() != "null"
            {
                take(one);
            }
        }
    }
    (edits, none)
}

/// A role and what is said, rather than two messages that are bare text.
fn is_pair(elements: &[&RawValue]) -> bool {
    let [role, _] = elements else {
        return false;
    };
    serde_json::from_str::<Cow<'_, str>>(role.get())
        .is_ok_and(|role| everthread_model::Role::parse(&role).is_some())
}

fn said(mut message: Message) -> Option<Said> {
    let id = message.id.take().filter(|id| !id.is_empty());
    let body = serde_json::to_string(&message).ok()?;
    Some(Said { id, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Option<Edit> {
        read(&RawValue::from_string(text.to_owned()).unwrap())
    }

    fn say(id: Option<&str>, body: &str) -> Option<Edit> {
        Some(Edit::Say(Said {
            id: id.map(str::to_owned),
            body: body.to_owned(),
        }))
    }

    #[test]
    fn a_message_keeps_all_but_what_is_empty() {
        let text = r#"{"content":"hi","additional_kwargs":{},"response_metadata":{},"type":"human","name":null,
            "id":"h-1","example":false,"new":{"a":[1]}}"#;
        let body = r#"{"type":"human","content":"hi","example":false,"new":{"a":[1]}}"#;
        assert_eq!(one(text), say(Some("h-1"), body));
        let blocks =
            r#"{"type":"human","content":[{"type":"image_url","image_url":{"url":"x"}},"t"]}"#;
        assert_eq!(one(blocks), say(None, blocks));
    }

    #[test]
    fn removals_are_told() {
        assert_eq!(
            one(r#"{"type":"remove","id":"a","content":""}"#),
            Some(Edit::Remove("a".to_owned()))
        );
        assert_eq!(
            one(r#"{"type":"remove","id":"__remove_all__"}"#),
            Some(Edit::RemoveAll)
        );
        assert_eq!(one("3"), None);
        assert_eq!(one(r#"{"type":"alien","content":"x"}"#), None);
    }

    #[test]
    fn a_write_is_a_list_or_one() {
        let hi = r#"{"type":"human","content":"hi"}"#;
        assert_eq!(
            read_write(r#"["user","hi"]"#),
            (say(None, hi).into_iter().collect(), 0)
        );
        assert_eq!(
            read_write(r#""hi""#),
            (say(None, hi).into_iter().collect(), 0)
        );
        assert_eq!(
            read_write(r#"[["user","hi"],"hi",7]"#),
            (
                [say(None, hi), say(None, hi)]
                    .into_iter()
                    .flatten()
                    .collect(),
                1
            )
        );
        assert_eq!(read_write("null"), (Vec::new(), 0));
    }
}
