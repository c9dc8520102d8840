//! One event of the engine each, and what is told of it.

use everthread_graph::contract::TaskId;
use uuid::Uuid;

use super::*;

fn task() -> TaskId {
    TaskId::from_uuid(Uuid::nil())
}

fn event(ns: &str, data: EventData) -> Event {
    let ns = Namespace::from_text(ns);
    Event { ns, data }
}

fn piece(ns: &str, json: &Value) -> Event {
    event(
        ns,
        EventData::Message {
            task: task(),
            node: "chat".into(),
            step: 1,
            chunk: Json::trusted(&json.to_string()),
            metadata: Json::trusted("{}"),
        },
    )
}

fn finished(error: Option<&str>) -> Event {
    event(
        "",
        EventData::TaskFinished {
            task: task(),
            node: "chat".into(),
            step: 1,
            result: None,
            error: error.map(str::to_owned),
            interrupts: Vec::new(),
        },
    )
}

fn custom_of(value: &Value) -> Event {
    let value = Json::trusted(&value.to_string());
    let node = "chat".into();
    event("", EventData::Custom { node, value })
}

/// Heads and data of what is told.
fn read(told: Vec<Told>) -> Vec<(String, Value)> {
    let read = |one: Told| {
        let json: Value = serde_json::from_str(&one.json).expect("JSON");
        (one.head, json["params"]["data"].clone())
    };
    told.into_iter().map(read).collect()
}

fn kinds(told: Vec<Told>) -> Vec<String> {
    let kind = |(_, data): (String, Value)| data["event"].as_str().expect("a kind").to_owned();
    read(told).into_iter().map(kind).collect()
}

#[test]
fn a_reply_begins_grows_and_ends_with_its_task() {
    let mut teller = Teller::new("chat");
    let say = |text: &str| {
        piece(
            "",
            &json!({"type": "AIMessageChunk", "id": "m", "content": text}),
        )
    };
    let first = read(teller.tell(&say("He")));
    assert_eq!(first[0].1["role"], "ai");
    assert_eq!(first[0].1["id"], "m");
    assert_eq!(first[1].1["content"], json!({"type": "text", "text": ""}));
    assert_eq!(
        first[2].1["delta"],
        json!({"type": "text-delta", "text": "He"})
    );
    assert_eq!(kinds(teller.tell(&say("llo"))), ["content-block-delta"]);
    let end = read(teller.tell(&finished(None)));
    assert_eq!(
        end[0].1["content"],
        json!({"type": "text", "text": "Hello"})
    );
    assert_eq!(end[1].1, json!({"event": "message-finish"}));
    assert_eq!(end[2].0, "tasks|");
}

#[test]
fn a_call_of_a_tool_is_a_block_of_its_own_with_its_arguments_read() {
    let mut teller = Teller::new("chat");
    let chunk = |more: Value| {
        let mut chunk = json!({"type": "AIMessageChunk", "id": "m", "content": ""});
        chunk
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("one").clone());
        piece("", &chunk)
    };
    teller.tell(&chunk(json!({"content": "Let me see."})));
    let call = json!([{"name": "lookup", "args": "{\"q\":", "id": "c1", "index": 0}]);
    let told = kinds(teller.tell(&chunk(json!({"tool_call_chunks": call}))));
    assert_eq!(
        told,
        [
            "content-block-finish",
            "content-block-start",
            "content-block-delta"
        ]
    );
    let more = json!([{"name": null, "args": "\"life\"}", "id": null, "index": 0}]);
    let usage = json!({"input_tokens": 1});
    let last = teller.tell(&chunk(json!({
        "tool_call_chunks": more, "usage_metadata": usage, "chunk_position": "last",
        "response_metadata": {"finish_reason": "stop"},
    })));
    let last = read(last);
    let expected =
        json!({"type": "tool_call", "id": "c1", "name": "lookup", "args": {"q": "life"}});
    assert_eq!(last[1].1["content"], expected);
    assert_eq!(last[1].1["index"], 1);
    assert_eq!(last[2].1["usage"], usage);
    assert_eq!(last[2].1["metadata"], json!({"finish_reason": "stop"}));
}

#[test]
fn a_whole_message_is_told_at_once_and_a_tools_answer_not_at_all() {
    let mut teller = Teller::new("chat");
    let whole = piece(
        "",
        &json!({
            "type": "ai", "id": "m", "content": [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "yes"}],
            "tool_calls": [{"name": "f", "args": {"a": 1}, "id": "c"}],
        }),
    );
    let told = kinds(teller.tell(&whole));
    let block = [
        "content-block-start",
        "content-block-delta",
        "content-block-finish",
    ];
    let mut expected = vec!["message-start"];
    for _ in 0..3 {
        expected.extend(block);
    }
    expected.push("message-finish");
    assert_eq!(told, expected);
    let tool = piece("", &json!({"type": "tool", "id": "t", "content": "42"}));
    assert!(teller.tell(&tool).is_empty());
    let none = piece("", &json!({"type": "AIMessageChunk", "content": "x"}));
    assert!(teller.tell(&none).is_empty());
}

#[test]
fn a_message_that_begins_anew_is_started_again() {
    let mut teller = Teller::new("chat");
    let say = |text: &str| {
        piece(
            "",
            &json!({"type": "AIMessageChunk", "id": "m", "content": text}),
        )
    };
    teller.tell(&say("He"));
    teller.tell(&custom_of(&json!({"restart": "m"})));
    assert_eq!(kinds(teller.tell(&say("Oh")))[0], "message-start");
}

#[test]
fn what_a_node_sends_has_a_name_when_it_says_so() {
    let mut teller = Teller::new("chat");
    let told = read(teller.tell(&custom_of(&json!({"progress": 1}))));
    assert_eq!(
        told,
        [("custom|".to_owned(), json!({"payload": {"progress": 1}}))]
    );
    let named = json!({"name": "a2a", "payload": [1]});
    let told = read(teller.tell(&custom_of(&named)));
    assert_eq!(told, [("custom:a2a|".to_owned(), named)]);
}

#[test]
fn a_subgraph_is_entered_once_and_left_with_its_task() {
    let mut teller = Teller::new("parent");
    let id = task();
    let ns = format!("chat:{id}");
    let began = read(teller.begin(&["q".to_owned()]));
    assert_eq!(
        began[0].1,
        json!({"event": "running", "graph_name": "parent"})
    );
    assert_eq!(
        began[1],
        (
            "input.answered|".to_owned(),
            json!({"interrupt_ids": ["q"]})
        )
    );
    let update = EventData::Update {
        node: "agent".into(),
        update: Json::trusted(r#"{"log":["a"]}"#),
    };
    let told = read(teller.tell(&event(&ns, update.clone())));
    let started = json!({
        "event": "started", "graph_name": "chat", "namespace": [ns], "trigger_call_id": id.to_string(),
    });
    assert_eq!(told[0], (format!("lifecycle|{ns}"), started));
    assert_eq!(
        told[1].1,
        json!({"node": "agent", "values": {"log": ["a"]}})
    );
    assert_eq!(teller.tell(&event(&ns, update)).len(), 1);
    let left = read(teller.tell(&finished(Some("no"))));
    assert_eq!(left[0].0, format!("lifecycle|{ns}"));
    assert_eq!(left[0].1["event"], "failed");
    assert_eq!(left[0].1["error"], "no");
    let end = read(teller.end(Ending::Failed("no")));
    assert_eq!(
        end,
        [(
            "lifecycle|".to_owned(),
            json!({"event": "failed", "graph_name": "parent", "error": "no"})
        )]
    );
}

#[test]
fn a_question_is_told_once_where_it_was_asked_under_both_names() {
    let mut teller = Teller::new("parent");
    let asked = || {
        let one = Interrupt {
            id: "q".to_owned(),
            value: json!({"ok": "?"}),
        };
        EventData::Interrupted(vec![one])
    };
    let inside = read(teller.tell(&event("child:1", asked())));
    let (head, data) = &inside[1];
    assert_eq!(head, "input.requested|child:1");
    let expected = json!({"interrupt_id": "q", "payload": {"ok": "?"}, "value": {"ok": "?"}});
    assert_eq!(*data, expected);
    assert!(teller.tell(&event("", asked())).is_empty());
    let end = kinds(teller.end(Ending::Interrupted));
    assert_eq!(end, ["interrupted", "interrupted"]);
}
