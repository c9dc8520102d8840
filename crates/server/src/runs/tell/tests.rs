//! One event of the engine each, and what is told of it.

use everthread_graph::contract::TaskId;

use super::*;

fn teller(modes: &[Mode]) -> Teller {
    let metadata = Json::trusted(r#"{"k":"v"}"#);
    let about = About {
        run: "r1".to_owned(),
        thread: "t1",
        graph: "chat",
        assistant: "a1",
        metadata: Some(&metadata),
    };
    Teller::new(modes.iter().copied().collect(), &about)
}

fn event(ns: &str, data: EventData) -> Event {
    let ns = Namespace::from_text(ns);
    Event { ns, data }
}

fn piece(json: &str) -> Event {
    event(
        "",
        EventData::Message {
            task: TaskId::from_uuid(uuid::Uuid::nil()),
            node: "chat".into(),
            step: 1,
            chunk: Json::trusted(json),
            metadata: Json::trusted(r#"{"model":"m"}"#),
        },
    )
}

fn told(teller: &mut Teller, event: &Event) -> Vec<(String, Value)> {
    let told = teller.tell(event).into_iter();
    told.map(|(name, data)| {
        (
            name.into_owned(),
            serde_json::from_str(&data).expect("JSON"),
        )
    })
    .collect()
}

#[test]
fn an_update_is_named_by_its_node_and_its_namespace() {
    let update = |ns| {
        let update = Json::trusted(r#"{"log":["a"]}"#);
        event(
            ns,
            EventData::Update {
                node: "gate \"1\"".into(),
                update,
            },
        )
    };
    let mut teller = teller(&[Mode::Updates]);
    let expected = json!({"gate \"1\"": {"log": ["a"]}});
    assert_eq!(
        told(&mut teller, &update("")),
        [("updates".to_owned(), expected.clone())]
    );
    assert_eq!(
        told(&mut teller, &update("child:1")),
        [("updates|child:1".to_owned(), expected)]
    );
}

#[test]
fn a_question_is_told_with_its_value_and_id_alone() {
    let asked = Interrupt {
        id: "q".to_owned(),
        value: json!({"ok": "?"}),
    };
    let told = told(
        &mut teller(&[Mode::Updates]),
        &event("", EventData::Interrupted(vec![asked])),
    );
    let expected =
        json!({"__interrupt__": [{"value": {"ok": "?"}, "id": "q", "response_schema": null}]});
    assert_eq!(told, [("updates".to_owned(), expected)]);
}

#[test]
fn a_piece_of_a_message_comes_with_where_it_was_said() {
    let told = told(
        &mut teller(&[Mode::MessagesTuple]),
        &piece(r#"{"type":"AIMessageChunk","id":"m1","content":"He"}"#),
    );
    let (name, data) = &told[0];
    assert_eq!(name, "messages");
    assert_eq!(data[0]["content"], "He");
    let about = &data[1];
    for (field, value) in [
        ("langgraph_node", json!("chat")),
        ("langgraph_step", json!(1)),
        (
            "langgraph_checkpoint_ns",
            json!("chat:00000000-0000-0000-0000-000000000000"),
        ),
        ("run_id", json!("r1")),
        ("thread_id", json!("t1")),
        ("k", json!("v")),
        ("model", json!("m")),
        ("langgraph_triggers", json!(["branch:to:chat"])),
    ] {
        assert_eq!(about[field], value, "{field}");
    }
}

#[test]
fn what_was_said_so_far_grows_and_begins_anew_after_a_restart() {
    let mut teller = teller(&[Mode::Messages]);
    let first = told(
        &mut teller,
        &piece(r#"{"type":"AIMessageChunk","id":"m1","content":"He"}"#),
    );
    assert_eq!(first[0].0, "messages/metadata");
    assert_eq!(first[0].1["m1"]["metadata"]["langgraph_node"], "chat");
    assert_eq!(
        first[1],
        (
            "messages/partial".to_owned(),
            json!([{"type": "ai", "id": "m1", "content": "He"}])
        )
    );
    let second = told(
        &mut teller,
        &piece(r#"{"type":"AIMessageChunk","id":"m1","content":"llo"}"#),
    );
    assert_eq!(second[0].1[0]["content"], "Hello");
    let restart = EventData::Custom {
        node: "chat".into(),
        value: Json::trusted(r#"{"restart":"m1"}"#),
    };
    assert!(told(&mut teller, &event("", restart)).is_empty());
    let third = told(
        &mut teller,
        &piece(r#"{"type":"AIMessageChunk","id":"m1","content":"Oh"}"#),
    );
    assert_eq!(third[1].1[0]["content"], "Oh");
    let tool = told(
        &mut teller,
        &piece(r#"{"type":"tool","id":"m2","content":"42"}"#),
    );
    assert_eq!(tool[1].0, "messages/complete");
}

#[test]
fn a_task_is_told_in_tasks_and_wrapped_in_debug() {
    let mut teller = teller(&[Mode::Tasks, Mode::Debug]);
    let id = TaskId::from_uuid(uuid::Uuid::nil());
    let started = EventData::TaskStarted {
        task: id,
        node: "gate".into(),
        step: 2,
        arg: Some(Json::trusted("7")),
    };
    let told = told(&mut teller, &event("", started));
    assert_eq!(told[0].0, "tasks");
    assert_eq!(told[0].1["input"], 7);
    assert_eq!(told[1].0, "debug");
    assert_eq!(told[1].1["type"], "task");
    assert_eq!(told[1].1["payload"], told[0].1);
}

#[test]
fn another_attempt_takes_back_what_was_heard_of_a_message() {
    let mut first = teller(&[Mode::MessagesTuple]);
    let mut second = teller(&[Mode::MessagesTuple]).attempt(2);
    let event = piece(r#"{"type":"AIMessageChunk","id":"m","content":"a"}"#);
    assert_eq!(told(&mut first, &event).len(), 1);
    let again = told(&mut second, &event);
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].0, "messages");
    assert_eq!(
        again[0].1[0],
        json!({"type": "remove", "id": "m", "content": ""})
    );
    assert_eq!(told(&mut second, &event).len(), 1, "only once");
    let whole = piece(r#"{"type":"ai","id":"n","content":"a"}"#);
    assert_eq!(
        told(&mut second, &whole).len(),
        1,
        "it replaces what was heard"
    );
}
