//! The fixed-length reply that repeats the question, and the calls of tools.

use serde_json::{Value, json};

use crate::{ChatRequest, Message, Role, ToolCall};

/// Characters of every echoed reply.
const REPLY_CHARS: usize = 200;

const OPENING: &str = "You said: ";

/// `You said: ` and the last thing a person said or a tool answered, again and again, up to exactly 200 characters.
pub(super) fn echo(request: &ChatRequest) -> String {
    let last = request.messages.iter().rev();
    let question = last
        .into_iter()
        .find(|message| matches!(message.role(), Role::Human | Role::Tool))
        .map(|message| message.text())
        .unwrap_or_default();
    let question = if question.is_empty() {
        "nothing"
    } else {
        &question
    };
    if question.is_ascii() {
        return echo_ascii(question);
    }
    let again = question.chars().chain([' ']).cycle();
    OPENING.chars().chain(again).take(REPLY_CHARS).collect()
}

fn echo_ascii(question: &str) -> String {
    let mut reply = String::with_capacity(REPLY_CHARS);
    reply.push_str(OPENING);
    while reply.len() < REPLY_CHARS {
        let room = REPLY_CHARS - reply.len();
        reply.push_str(&question[..question.len().min(room)]);
        if reply.len() < REPLY_CHARS {
            reply.push(' ');
        }
    }
    reply
}

/// Calls of every tool that is offered, each with the question; `None` after a tool's answer and where there is no tool.
/// `number` makes their names unique.
pub(super) fn call(request: &ChatRequest, number: usize) -> Option<Message> {
    let last = request.messages.last()?;
    if last.role() == Role::Tool || request.tools.is_empty() {
        return None;
    }
    let mut message = Message::ai("");
    for (place, tool) in request.tools.iter().enumerate() {
        let name = tool["function"]["name"].as_str().unwrap_or_default();
        let args = json!({"text": last.text()});
        let id = format!("call_{number}_{place}");
        message.tool_calls.push(ToolCall::new(id, name, args));
    }
    let why = Value::from("tool_calls");
    message
        .response_metadata
        .insert("finish_reason".into(), why);
    Some(message)
}

/// The first half of a text, by characters.
pub(super) fn first_half(text: &str) -> &str {
    let half = text.chars().count() / 2;
    let end = text.char_indices().nth(half).map_or(0, |(at, _)| at);
    &text[..end]
}
