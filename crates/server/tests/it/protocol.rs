//! The thread protocol: commands, and the events of a thread.

mod apart;
mod commands;
mod events;
mod restart;
mod socket;

use serde_json::{Value, json};

use crate::app::{TestApp, input};
use crate::sse::{Event, Events};

/// Every channel.
pub const ALL: [&str; 9] = [
    "values",
    "updates",
    "messages",
    "tools",
    "lifecycle",
    "input",
    "checkpoints",
    "tasks",
    "custom",
];

/// Gives a thread a command.
pub async fn command(app: &TestApp, thread: &str, method: &str, params: Value) -> Value {
    let body = json!({"id": 7, "method": method, "params": params});
    let answer = app.post(&format!("/threads/{thread}/commands"), body).await;
    let answer = answer.ok();
    assert_eq!(answer["id"], 7, "{answer}");
    answer
}

/// Gives a thread a command that must be done, and returns what came of it.
#[track_caller]
pub fn done(answer: &Value) -> Value {
    assert_eq!(answer["type"], "success", "{answer}");
    answer["result"].clone()
}

/// Says something to a graph; gives the run's id.
pub async fn start(app: &TestApp, thread: &str, graph: &str, text: &str) -> String {
    let params = json!({"assistant_id": graph, "input": input(text)});
    let result = done(&command(app, thread, "run.start", params).await);
    result["run_id"].as_str().expect("an id").to_owned()
}

/// Follows a thread.
pub async fn follow(app: &TestApp, thread: &str, body: Value) -> Events {
    app.stream(&format!("/threads/{thread}/stream/events"), body)
        .await
}

/// The events of a thread up to the end of the next run.
pub async fn run(events: &mut Events) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let event = events.next().await.expect("the thread goes on");
        let ends = is_end(&event.data);
        all.push(event);
        if ends {
            return all;
        }
    }
}

/// Whether an event says that the thread's own graph came to rest.
pub fn is_end(event: &Value) -> bool {
    let ends = ["completed", "failed", "interrupted"];
    event["method"] == "lifecycle"
        && event["params"]["namespace"] == json!([])
        && ends
            .iter()
            .any(|end| event["params"]["data"]["event"] == *end)
}

/// What events of this method say.
pub fn data(events: &[Event], method: &str) -> Vec<Value> {
    let of = events.iter().filter(|event| event.name == method);
    of.map(|event| event.data["params"]["data"].clone())
        .collect()
}

/// The numbers of events.
pub fn numbers(events: &[Event]) -> Vec<u64> {
    let number = |event: &Event| event.data["seq"].as_u64().expect("a number");
    events.iter().map(number).collect()
}
