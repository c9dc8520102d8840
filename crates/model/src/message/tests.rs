//! What goes into a message comes out again.

use serde_json::{Value, json};

use super::{Content, Message, Role, ToolCall};

fn round_trip(value: Value) -> Value {
    let message: Message = serde_json::from_value(value).unwrap();
    let text = serde_json::to_string(&message).unwrap();
    assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_message_takes_no_more_than_it_says() {
    let json = serde_json::to_string(&Message::human("hi")).unwrap();
    assert_eq!(json, r#"{"type":"human","content":"hi"}"#);
}

#[test]
fn what_is_not_known_survives_in_order() {
    let value = json!({
        "type": "ai", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}],
        "id": "run-1", "name": "bot",
        "tool_calls": [{"name": "f", "args": {"x": 1.5}, "id": "c1", "type": "tool_call", "index": 0}],
        "usage_metadata": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4},
        "response_metadata": {"model_name": "m", "finish_reason": "stop"},
        "additional_kwargs": {"refusal": null},
        "invalid_tool_calls": [], "example": false, "future": {"deep": [1, {"z": 1, "a": 2}]},
    });
    let back = round_trip(value.clone());
    assert_eq!(
        serde_json::to_string(&back).unwrap(),
        serde_json::to_string(&value).unwrap()
    );
}

#[test]
fn text_and_pairs_are_messages_too() {
    let read = |value: Value| serde_json::from_value::<Message>(value);
    assert_eq!(read(json!("hi")).unwrap(), Message::human("hi"));
    assert_eq!(read(json!(["user", "hi"])).unwrap(), Message::human("hi"));
    assert_eq!(
        read(json!(["ai", [{"type": "text", "text": "a"}]]))
            .unwrap()
            .text(),
        "a"
    );
    for wrong in [
        json!([]),
        json!(["ai"]),
        json!(["ai", "a", "b"]),
        json!(["nobody", "a"]),
        json!(5),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn empty_fields_are_dropped() {
    let back = round_trip(json!({
        "content": "hi", "additional_kwargs": {}, "response_metadata": {}, "type": "human", "name": null, "id": null,
    }));
    assert_eq!(back, json!({"type": "human", "content": "hi"}));
}

#[test]
fn a_tool_call_and_its_result_keep_their_bond() {
    let mut ask = Message::ai("");
    ask.tool_calls
        .push(ToolCall::new("c1", "weather", json!({"city": "Oslo"})));
    assert_eq!(
        serde_json::to_value(&ask).unwrap()["tool_calls"],
        json!([{"name": "weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}])
    );
    let answer = round_trip(json!({
        "type": "tool", "content": "rain", "tool_call_id": "c1", "status": "success", "artifact": [1],
    }));
    assert_eq!(answer["tool_call_id"], "c1");
    assert_eq!(answer["artifact"], json!([1]));
}

#[test]
fn openai_spellings_are_understood() {
    let message: Message =
        serde_json::from_value(json!({"role": "assistant", "content": null})).unwrap();
    assert_eq!(message, Message::ai(""));
    let chunk: Message =
        serde_json::from_value(json!({"type": "AIMessageChunk", "content": "a"})).unwrap();
    assert_eq!(chunk.role(), Role::Ai);
}

#[test]
fn odd_text_passes_through() {
    for text in [
        "\0",
        "a\0b",
        "\u{feff}\u{202e}e\u{301}👩‍👩‍👧",
        "\u{10ffff}",
        "\\\"\n\r\u{7f}",
    ] {
        let json = serde_json::to_string(&Message::human(text)).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&json).unwrap().text(), text);
    }
}

#[test]
fn text_joins_the_text_blocks() {
    let content = Content::Blocks(vec![
        json!({"type": "text", "text": "a"}),
        json!({"type": "image_url"}),
        json!("b"),
        json!({"type": "text", "text": "c"}),
    ]);
    assert_eq!(Message::human(content).text(), "abc");
    assert_eq!(Message::human(vec![]).text(), "");
}

#[test]
fn what_is_no_message_says_why() {
    for (value, why) in [
        (json!({"content": "x"}), "missing field `type`"),
        (json!({"type": "human"}), "missing field `content`"),
        (
            json!({"type": "wizard", "content": "x"}),
            "unknown variant `wizard`",
        ),
        (json!(5), "expected a message"),
        (json!(["ai"]), "a pair of a role and a content"),
    ] {
        let error = serde_json::from_value::<Message>(value)
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{error}");
    }
}
