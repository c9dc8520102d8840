//! Messages in forms that LangChain understands and nobody wrote as a message: they become what LangChain makes of them.

use everthread_model::Message;
use serde_json::{Map, Value, json};

/// Reads what is no message as it stands.
pub(super) fn read(value: Value) -> Option<Message> {
    let Value::Object(mut fields) = value else {
        return None;
    };
    match fields.get("type").and_then(Value::as_str) {
        // The result of a tool, before there were tools.
        Some("function") => rename(&mut fields, "tool"),
        // A speaker with a name of its own.
        Some("chat" | "ChatMessageChunk") => {
            let role = fields.get("role").and_then(Value::as_str);
            let role = role.filter(|role| everthread_model::Role::parse(role).is_some());
            let role = role.unwrap_or("human").to_owned();
            rename(&mut fields, &role);
        }
        Some("FunctionMessageChunk") => rename(&mut fields, "tool"),
        _ => {}
    }
    if let Some(Value::Array(calls)) = fields.get_mut("tool_calls") {
        calls.iter_mut().for_each(as_tool_call);
    }
    serde_json::from_value(Value::Object(fields)).ok()
}

fn rename(fields: &mut Map<String, Value>, role: &str) {
    if let Some(was) = fields.insert("type".to_owned(), role.into()) {
        fields.insert("langchain_type".to_owned(), was);
    }
}

/// A call as OpenAI writes it, in LangChain's words.
fn as_tool_call(call: &mut Value) {
    let Some(function) = call.get("function") else {
        return;
    };
    let name = function.get("name").cloned().unwrap_or_default();
    let args = match function.get("arguments") {
        Some(Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| json!({ "text": text }))
        }
        Some(value) => value.clone(),
        None => json!({}),
    };
    let id = call.get("id").cloned().unwrap_or_default();
    *call = json!({ "name": name, "args": args, "id": id, "type": "tool_call" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kinds_keep_what_they_say() {
        let function = read(json!({"type": "function", "content": "7", "name": "add"})).unwrap();
        assert_eq!(function.role().as_str(), "tool");
        assert_eq!(function.extra["langchain_type"], "function");
        let chat = read(json!({"type": "chat", "content": "a", "role": "assistant"})).unwrap();
        assert_eq!((chat.role().as_str(), &*chat.text()), ("ai", "a"));
        let other = read(json!({"type": "chat", "content": "a", "role": "narrator"})).unwrap();
        assert_eq!(other.role().as_str(), "human");
        assert_eq!(other.extra["role"], "narrator");
        assert!(read(json!(3)).is_none());
        assert!(read(json!({"type": "human"})).is_none());
    }

    #[test]
    fn calls_of_openai_become_calls() {
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
        let read =
            read(json!({"role": "assistant", "content": null, "tool_calls": [call]})).unwrap();
        assert_eq!(read.tool_calls[0].name, "f");
        assert_eq!(read.tool_calls[0].args, json!({"a": 1}));
    }
}
