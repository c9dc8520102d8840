//! A person has the last word.

use everthread_graph::contract::At;
use everthread_graph::{ErrorKind, EventData, StreamModes};
use serde_json::{Value, json};

use crate::stage::{Stage, answers, key, says, texts, values};

#[tokio::test]
async fn a_draft_waits_until_it_is_approved() {
    let stage = Stage::new("review");
    let out = stage.run(says("hi")).await;
    assert_eq!(texts(&values(&out)), ["hi"], "a draft is not said");
    let asked = &out.interrupts[0].value;
    assert_eq!(asked["draft"]["content"], "first 1");
    let id = asked["draft"]["id"].clone();
    let state = stage.graph.state(&key(), At::Head, false).await.unwrap();
    assert_eq!(state.unwrap().interrupts, out.interrupts);

    let out = stage.run(answers("approve")).await;
    let values = values(&out);
    assert!(!out.is_interrupted());
    assert_eq!(texts(&values), ["hi", "first 1"]);
    assert_eq!(values["messages"][1]["id"], id);
    assert_eq!(values["messages"][1]["type"], "ai");
    assert_eq!(values["draft"], Value::Null);
}

#[tokio::test]
async fn an_edited_draft_is_said_as_edited() {
    let stage = Stage::new("review");
    stage.run(says("hi")).await;
    let out = stage
        .run(answers(json!({"action": "edit", "content": "Better."})))
        .await;
    let values = values(&out);
    assert_eq!(texts(&values), ["hi", "Better."]);
    assert_eq!(
        values["messages"][1]["response_metadata"]["review"],
        "edited"
    );
    assert!(!values["messages"].to_string().contains("first 1"));
}

#[tokio::test]
async fn a_rejected_draft_makes_another_that_heeds_the_note() {
    let stage = Stage::new("review");
    stage.run(says("hi")).await;
    let out = stage
        .run(answers(json!({"action": "reject", "note": "Too cold."})))
        .await;
    assert_eq!(out.interrupts[0].value["draft"]["content"], "first 2");
    let shown = stage.asked().pop().unwrap().messages;
    assert_eq!(shown[shown.len() - 2].text(), "first 1");
    assert!(shown[shown.len() - 1].text().contains("Too cold."));
    let out = stage.run(answers(true)).await;
    let values = values(&out);
    assert_eq!(texts(&values), ["hi", "first 2"]);
    assert_eq!(values["rejected"], json!([]));
}

#[tokio::test]
async fn a_turn_that_is_given_up_leaves_no_notes_to_the_next() {
    let stage = Stage::new("review");
    stage.run(says("hi")).await;
    stage.run(answers(false)).await;
    let out = stage.run(says("never mind")).await;
    assert_eq!(texts(&values(&out)), ["hi", "never mind"]);
    let shown = stage.asked().pop().unwrap().messages;
    assert_eq!(shown.last().unwrap().text(), "never mind");
}

#[tokio::test]
async fn a_wrong_answer_may_be_replaced() {
    let stage = Stage::new("review");
    stage.run(says("hi")).await;
    let wrong = stage.run_in(json!({}), answers("perhaps")).await;
    let error = wrong.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Node);
    assert!(error.to_string().contains("\"perhaps\""), "{error}");
    let out = stage.run(answers(true)).await;
    assert_eq!(texts(&values(&out)), ["hi", "first 1"]);
    assert_eq!(stage.asked().len(), 1, "the draft stayed");
}

#[tokio::test]
async fn nobody_hears_a_draft_and_long_talks_are_summarised() {
    let stage = Stage::new("review");
    for turn in 0..4 {
        let shown = stage
            .watch(says(&format!("turn {turn}")), StreamModes::MESSAGES)
            .await;
        assert!(
            !shown
                .iter()
                .any(|event| matches!(event, EventData::Message { .. })),
            "{shown:?}"
        );
        stage.run(answers(true)).await;
    }
    let state = stage.graph.state(&key(), At::Head, false).await.unwrap();
    let state: Value = state.unwrap().values.read().unwrap();
    assert!(state["summary"].as_str().unwrap().starts_with("a summary"));
    assert_eq!(texts(&state).len(), 8);
}
