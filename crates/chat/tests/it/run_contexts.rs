//! What a run may ask for in its context.

use everthread_graph::ErrorKind;
use everthread_graph::contract::At;
use serde_json::{Value, json};

use crate::stage::{Stage, key, says, texts, values};

#[tokio::test]
async fn a_run_sets_the_words_the_model_and_the_temperature() {
    let stage = Stage::new("chat");
    let context = json!({
        "system_prompt": "You are a pirate.", "model": "second", "temperature": 0.5, "reply_tokens": 7
    });
    let out = stage.run_in(context, says("hi")).await.unwrap();
    assert_eq!(texts(&values(&out)), ["hi", "second 1"]);
    let asked = stage.asked().remove(0);
    assert_eq!(asked.messages[0].text(), "You are a pirate.");
    assert_eq!((asked.temperature, asked.max_tokens), (0.5, Some(7)));
    // The next run is as deployed.
    let out = stage.run(says("hi")).await;
    assert_eq!(texts(&values(&out))[3], "first 2");
    assert_ne!(stage.system(), "You are a pirate.");
}

#[tokio::test]
async fn a_run_sets_when_it_is_summarised() {
    let stage = Stage::new("chat");
    let never = json!({"summarize_above_messages": 0});
    for turn in 0..5 {
        let said = says(&format!("turn {turn}"));
        let out = stage.run_in(never.clone(), said).await.unwrap();
        assert_eq!(values(&out)["summary"], Value::Null);
    }
    let early = json!({"max_messages": 3, "keep_messages": 1});
    let out = stage.run_in(early, says("now")).await.unwrap();
    let values = values(&out);
    assert!(values["summary"].as_str().unwrap().starts_with("a summary"));
    assert_eq!(
        values["messages"].as_array().unwrap().len(),
        12,
        "all is kept"
    );
    let until = values["messages"][10]["id"].as_str().unwrap();
    assert_eq!(values["summarized_until"], until);
}

#[tokio::test]
async fn a_run_that_asks_for_what_is_not_there_fails_and_says_so() {
    for (context, named) in [
        (json!({"model": "third"}), "\"third\""),
        (json!({"temperature": 3}), "temperature 3"),
        (json!({"reply_tokens": 0}), "reply_tokens"),
        (json!({"summary_tokens": "many"}), "context"),
    ] {
        let stage = Stage::new("chat");
        let error = stage.run_in(context, says("hi")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Node);
        assert!(error.to_string().contains(named), "{error}");
        assert!(stage.asked().is_empty());
        // What was said is kept, and the next run goes on from there.
        let state = stage.graph.state(&key(), At::Head, false).await.unwrap();
        let state: Value = state.unwrap().values.read().unwrap();
        assert_eq!(texts(&state), ["hi"]);
    }
}

#[test]
fn clients_are_told_what_a_context_may_hold() {
    for name in ["chat", "review"] {
        let schemas = Stage::new(name).graph.schemas();
        let context: Value = schemas.context.read().unwrap();
        assert_eq!(context["properties"]["temperature"]["maximum"], 2);
        let input: Value = schemas.input.read().unwrap();
        assert_eq!(input["properties"]["messages"]["items"]["type"], "object");
    }
}
