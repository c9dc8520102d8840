//! Messages come back as they were given, and a reply has one id from its first piece on.

use everthread_graph::{EventData, StreamModes};
use serde_json::{Value, json};

use crate::stage::{Stage, input, says, values};

#[tokio::test]
async fn content_blocks_and_unknown_fields_survive() {
    let stage = Stage::new("chat");
    let said = json!({
        "type": "human",
        "content": [
            {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
            {"type": "from_the_future", "n": 1.0, "deep": {"a": [1, {"b": null}]}}
        ],
        "id": "m1",
        "name": "ann",
        "additional_kwargs": {"x": {"y": 2}},
        "response_metadata": {"z": [1]},
        "an_unknown_field": {"kept": true}
    });
    let out = stage.run(input(json!({"messages": [said]}))).await;
    let now = &values(&out)["messages"][0];
    assert_eq!(now, &said);
    // Also after the state was read anew.
    stage.run(says("again")).await;
    let state = stage
        .graph
        .state(
            &crate::stage::key(),
            everthread_graph::contract::At::Head,
            false,
        )
        .await
        .unwrap()
        .unwrap();
    let state: Value = state.values.read().unwrap();
    assert_eq!(state["messages"][0], said);
}

#[tokio::test]
async fn messages_may_be_text_or_pairs() {
    let stage = Stage::new("chat");
    let messages = json!(["one", ["system", "two"], {"role": "user", "content": "three"}]);
    let out = stage.run(input(json!({ "messages": messages }))).await;
    let values = values(&out);
    let kinds: Vec<_> = (0..4)
        .map(|at| values["messages"][at]["type"].clone())
        .collect();
    assert_eq!(kinds, ["human", "system", "human", "ai"]);
}

#[tokio::test]
async fn a_reply_has_one_id_from_its_first_piece_on() {
    let stage = Stage::new("chat");
    let modes = StreamModes::MESSAGES | StreamModes::VALUES;
    let shown = stage.watch(says("hi"), modes).await;
    let mut pieces = Vec::new();
    let mut last = Value::Null;
    for event in shown {
        match event {
            EventData::Message { chunk, .. } => pieces.push(chunk.read::<Value>().unwrap()),
            EventData::Values(view) => last = view.json().unwrap().read().unwrap(),
            _ => {}
        }
    }
    let reply = &last["messages"][1];
    assert!(!pieces.is_empty());
    let mut text = String::new();
    for piece in &pieces {
        assert_eq!(piece["type"], "AIMessageChunk");
        assert_eq!(piece["id"], reply["id"]);
        text += piece["content"].as_str().unwrap();
    }
    assert_eq!(reply["content"], text);
}
