//! OpenAI's protocol, as its clients meet it.

mod completions;
mod conversations;
mod responses;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

/// One message.
pub fn message(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

/// What a conversation says, by whichever protocol: `human: text` and `ai: text`.
pub async fn transcript(app: &TestApp, thread: &str) -> Vec<String> {
    let state = app.state(thread).await;
    let messages = state["values"]["messages"].as_array().expect("messages");
    let one = |one: &Value| {
        let text = one["content"].as_str().expect("text");
        format!("{}: {}", one["type"].as_str().expect("a type"), text)
    };
    messages.iter().map(one).collect()
}

/// What people said in a conversation.
pub async fn said(app: &TestApp, thread: &str) -> Vec<String> {
    let all = transcript(app, thread).await;
    let human = all.iter().filter_map(|line| line.strip_prefix("human: "));
    human.map(str::to_owned).collect()
}

/// The data of every event of a stream, read to its end; `[DONE]` as a text.
pub async fn events(app: &TestApp, method: Method, path: &str, body: Value) -> Vec<Value> {
    let answer = app.send(app.request(method, path).json(&body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let data = answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into()))
        .collect()
}

/// An error in OpenAI's shape, with its status and code.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    let body = answer.json();
    assert_eq!(
        (answer.status.as_u16(), body["error"]["code"].as_str()),
        (status, Some(code)),
        "{}",
        answer.text
    );
    assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string());
    body["error"].clone()
}
