//! Items of responses and conversations: messages to clients, and back.
//!
//! A message is one item for its text, one for each call of a tool, or one for a tool's answer. An item's id is its
//! message's with a prefix that says which of these it is.

use serde_json::{Value, json};

use super::message::{Call, Content, Message, Role};
use super::refusal::Refusal;

const MESSAGE: &str = "msg_";
const CALL: &str = "fc_";
const ANSWER: &str = "fco_";

/// The id of a message's text.
pub(crate) fn message_id(id: &str) -> String {
    if id.starts_with(MESSAGE) {
        id.to_owned()
    } else {
        format!("{MESSAGE}{id}")
    }
}

/// The id of a call, by its message and its place there.
pub(crate) fn call_id(id: &str, place: usize) -> String {
    format!("{CALL}{id}_{place}")
}

/// Whether an item's id may be one of this message's.
pub(crate) fn is_of(item: &str, message: &Message) -> bool {
    let id = message.id();
    item == id || items(message).iter().any(|known| known["id"] == item)
}

/// The items of a message.
pub(crate) fn items(message: &Message) -> Vec<Value> {
    let id = message.id();
    match message.role {
        Role::User | Role::System => vec![json!({
            "id": message_id(id),
            "type": "message",
            "role": message.role.as_str(),
            "status": "completed",
            "content": input_parts(&message.content),
        })],
        Role::Tool => vec![json!({
            "id": format!("{ANSWER}{id}"),
            "type": "function_call_output",
            "call_id": message.answers.as_deref().unwrap_or_default(),
            "output": message.content.text(),
            "status": "completed",
        })],
        Role::Assistant => {
            let text = message.content.text();
            let mut items = Vec::new();
            if !text.is_empty() || message.calls.is_empty() {
                let status = "completed";
                items.push(assistant(id, &text, message.refusal.as_deref(), status));
            }
            let calls = message.calls.iter().enumerate();
            items.extend(calls.map(|(place, one)| call(id, place, one, "completed")));
            items
        }
    }
}

/// What the assistant says, as far as it has come.
pub(crate) fn assistant(id: &str, text: &str, refusal: Option<&str>, status: &str) -> Value {
    let mut content = vec![text_part(text)];
    if let Some(refusal) = refusal {
        content.push(json!({"type": "refusal", "refusal": refusal}));
    }
    json!({
        "id": message_id(id),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    })
}

/// Text of the assistant.
pub(crate) fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

/// A call of a tool.
pub(crate) fn call(id: &str, place: usize, call: &Call, status: &str) -> Value {
    json!({
        "id": call_id(id, place),
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    })
}

fn input_parts(content: &Content) -> Vec<Value> {
    match content {
        Content::Text(text) => vec![json!({"type": "input_text", "text": text})],
        Content::Parts(parts) => parts.iter().map(input_part).collect(),
    }
}

fn input_part(part: &Value) -> Value {
    if let Some(text) = part.as_str() {
        return json!({"type": "input_text", "text": text});
    }
    match part["type"].as_str() {
        Some("text") => json!({"type": "input_text", "text": part["text"]}),
        Some("image_url") => json!({
            "type": "input_image",
            "image_url": part["image_url"]["url"],
            "detail": part["image_url"]["detail"].as_str().unwrap_or("auto"),
        }),
        _ => part.clone(),
    }
}

/// Reads items, or the text that stands for one.
///
/// # Errors
/// 400 for what is no item, or of a kind that nothing here can read.
pub(crate) fn read(input: &Value, param: &'static str) -> Result<Vec<Message>, Refusal> {
    match input {
        Value::String(text) => Ok(vec![Message::new(Role::User, Content::Text(text.clone()))]),
        Value::Array(items) => read_all(items, param),
        _ => Err(Refusal::wrong(
            param,
            format!("{param}: a text or an array of items is expected"),
        )),
    }
}

/// Reads items.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_all(items: &[Value], param: &'static str) -> Result<Vec<Message>, Refusal> {
    let mut messages: Vec<Message> = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let wrong = |why: String| Refusal::wrong(param, format!("{param}[{at}]: {why}"));
        match item["type"].as_str() {
            None | Some("message") => messages.push(said(item).map_err(wrong)?),
            Some("function_call") => {
                let call = called(item).map_err(wrong)?;
                match messages.last_mut() {
                    Some(last) if last.role == Role::Assistant => last.calls.push(call),
                    _ => messages.push(Message {
                        role: Role::Assistant,
                        calls: vec![call],
                        ..Message::default()
                    }),
                }
            }
            Some("function_call_output") => messages.push(answered(item).map_err(wrong)?),
            // What a model thought is of use to the model alone that thought it.
            Some("reasoning") => {}
            Some(other) => {
                return Err(wrong(format!(
                    "items of the type {other:?} are not read here"
                )));
            }
        }
    }
    Ok(messages)
}

fn text(item: &Value, field: &str) -> Result<String, String> {
    let text = item[field].as_str().map(str::to_owned);
    text.ok_or_else(|| format!("{field} must be a text"))
}

fn said(item: &Value) -> Result<Message, String> {
    let role = text(item, "role")?;
    let role = Role::parse(&role).filter(|role| *role != Role::Tool);
    let role = role.ok_or("role must be user, assistant, system or developer")?;
    let content = content(&item["content"])?;
    let refusal = item["content"].as_array().into_iter().flatten();
    let refusal = refusal.filter_map(|part| part["refusal"].as_str()).next();
    // An id of the client's would replace the message that has it already.
    Ok(Message {
        refusal: refusal.map(str::to_owned),
        ..Message::new(role, content)
    })
}

fn called(item: &Value) -> Result<Call, String> {
    Ok(Call {
        id: text(item, "call_id")?,
        name: text(item, "name")?,
        arguments: text(item, "arguments")?,
    })
}

fn answered(item: &Value) -> Result<Message, String> {
    Ok(Message {
        answers: Some(text(item, "call_id")?),
        ..Message::new(Role::Tool, content(&item["output"])?)
    })
}

/// Content in either protocol's parts.
pub(super) fn content(content: &Value) -> Result<Content, String> {
    let parts = match content {
        Value::String(text) => return Ok(Content::Text(text.clone())),
        Value::Null => return Ok(Content::default()),
        Value::Array(parts) => parts,
        _ => return Err("content must be a text or an array of parts".to_owned()),
    };
    let mut read = Vec::with_capacity(parts.len());
    for part in parts {
        read.extend(read_part(part)?);
    }
    match read.as_slice() {
        [only] if only["type"] == "text" => {
            let text = only["text"].as_str().unwrap_or_default();
            Ok(Content::Text(text.to_owned()))
        }
        _ => Ok(Content::Parts(read)),
    }
}

fn read_part(part: &Value) -> Result<Option<Value>, String> {
    let kind = part["type"].as_str().ok_or("a part must say its type")?;
    Ok(match kind {
        "text" | "input_text" | "output_text" | "summary_text" => {
            Some(json!({"type": "text", "text": text(part, "text")?}))
        }
        "image_url" => {
            let url = part["image_url"]["url"].as_str();
            url.ok_or("image_url.url must be a text")?;
            Some(part.clone())
        }
        "input_image" => {
            let url = text(part, "image_url")?;
            let detail = part["detail"].as_str().unwrap_or("auto");
            Some(json!({"type": "image_url", "image_url": {"url": url, "detail": detail}}))
        }
        "refusal" => None,
        other => return Err(format!("parts of the type {other:?} are not read here")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_become_messages_and_items_again() {
        let sent = json!([
            {"role": "user", "content": "Weather?"},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{\"city\":\"Oslo\"}"},
            {"type": "function_call", "call_id": "c2", "name": "time", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]},
        ]);
        let mut messages = read(&sent, "input").expect("messages");
        assert_eq!(messages.len(), 4);
        assert_eq!(messages[1].calls.len(), 2);
        for (at, message) in messages.iter_mut().enumerate() {
            message.id = Some(format!("m{at}"));
        }
        let items: Vec<Value> = messages.iter().flat_map(items).collect();
        let ids: Vec<&str> = items
            .iter()
            .filter_map(|item| item["id"].as_str())
            .collect();
        assert_eq!(ids, ["msg_m0", "fc_m1_0", "fc_m1_1", "fco_m2", "msg_m3"]);
        assert_eq!(read_all(&items, "items").expect("messages").len(), 4);
        assert!(is_of("fc_m1_1", &messages[1]) && is_of("m1", &messages[1]));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (input, why) in [
            (json!(5), "input: a text"),
            (json!([{"content": "x"}]), "input[0]: role"),
            (
                json!([{"type": "item_reference", "id": "x"}]),
                "item_reference",
            ),
            (
                json!([{"role": "user", "content": [{"type": "input_file"}]}]),
                "input_file",
            ),
            (json!([5]), "input[0]"),
        ] {
            let refusal = read(&input, "input").expect_err("wrong");
            assert!(refusal.detail().contains(why), "{}", refusal.detail());
        }
    }
}
