//! A request in OpenAI's words.

use serde_json::{Map, Value, json};

use crate::{ChatRequest, Content, Message, Role, ToolCall};

/// The body of a request for a streamed reply.
pub(super) fn body(model: &str, request: &ChatRequest, is_official: bool) -> Value {
    let messages: Vec<Value> = request
        .messages
        .iter()
        .map(|message| spoken(message))
        .collect();
    let mut body = json!({
        "model": model,
        "messages": messages,
        "temperature": request.temperature,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if let Some(limit) = request.max_tokens {
        // OpenAI renamed the field; most compatible servers know the old name alone.
        let field = if is_official {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body[field] = limit.into();
    }
    if let Some(seed) = request.seed {
        body["seed"] = seed.into();
    }
    if !request.tools.is_empty() {
        body["tools"] = request.tools.clone().into();
        if let Some(choice) = &request.tool_choice {
            body["tool_choice"] = choice.clone();
        }
    }
    body
}

fn spoken(message: &Message) -> Value {
    let role = match message.role() {
        Role::Human => "user",
        Role::Ai => "assistant",
        Role::System => "system",
        Role::Tool => "tool",
    };
    let mut out = Map::from_iter([("role".to_owned(), Value::from(role))]);
    let content = match &message.content {
        Content::Text(text) if text.is_empty() && !message.tool_calls.is_empty() => Value::Null,
        Content::Text(text) => text.as_str().into(),
        Content::Blocks(blocks) => blocks.clone().into(),
    };
    out.insert("content".to_owned(), content);
    if let Some(name) = &message.name
        && message.role() != Role::Tool
    {
        out.insert("name".to_owned(), name.as_str().into());
    }
    if let Some(call) = &message.tool_call_id {
        out.insert("tool_call_id".to_owned(), call.as_str().into());
    }
    if !message.tool_calls.is_empty() {
        let calls: Vec<Value> = message.tool_calls.iter().map(called).collect();
        out.insert("tool_calls".to_owned(), calls.into());
    }
    Value::Object(out)
}

fn called(call: &ToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": call.args.to_string()});
    json!({"id": call.id, "type": "function", "function": function})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_with_tools_is_spelled_as_openai_does() {
        let mut ask = Message::ai("");
        ask.tool_calls
            .push(ToolCall::new("c1", "weather", json!({"city": "Oslo"})));
        let request = ChatRequest {
            max_tokens: Some(5),
            ..ChatRequest::new([
                Message::system("s"),
                Message::human(vec![json!({"type": "text", "text": "hi"})]),
                ask,
                Message::tool("c1", "rain"),
            ])
        };
        let body = body("m", &request, false);
        assert_eq!(
            body["messages"],
            json!([
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                {"role": "assistant", "content": null, "tool_calls": [{
                    "id": "c1", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"},
                }]},
                {"role": "tool", "content": "rain", "tool_call_id": "c1"},
            ])
        );
        assert_eq!(
            (&body["max_tokens"], &body["temperature"]),
            (&json!(5), &json!(0.0))
        );
    }
}
