//! Responses.

use reqwest::Method;
use serde_json::{Value, json};

use super::{events, message, refused, said, transcript};
use crate::app::{TestApp, with};

const PATH: &str = "/v1/responses";

fn text(response: &Value) -> &str {
    let text = &response["output"][0]["content"][0]["text"];
    text.as_str()
        .unwrap_or_else(|| panic!("no text: {response}"))
}

fn id(response: &Value) -> &str {
    response["id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_response_is_made_kept_and_deleted() {
    let app = TestApp::new().await;
    let body = json!({"input": "hi", "instructions": "Be kind.", "metadata": {"a": "b"}});
    let made = app.post(PATH, body).await.ok();
    assert_eq!(
        (&made["object"], &made["status"]),
        (&json!("response"), &json!("completed"))
    );
    assert!(text(&made).starts_with("You said: hi"));
    let path = format!("{PATH}/{}", id(&made));
    let got = app.get(&path).await.ok();
    assert_eq!(got["output"], made["output"]);
    for field in [
        "id",
        "status",
        "model",
        "instructions",
        "metadata",
        "error",
        "usage",
    ] {
        assert_eq!(got[field], made[field], "{field}");
    }
    let items = app.get(&format!("{path}/input_items")).await.ok();
    assert_eq!(items["data"][0]["content"][0]["text"], "hi");
    assert_eq!(app.delete(&path).await.ok()["deleted"], true);
    refused(&app.get(&path).await, 404, "not_found");
    // It had a thread of its own, which went with it.
    assert_eq!(app.get("/v1/conversations").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn a_response_goes_on_from_another_one() {
    let app = TestApp::new().await;
    let first = app.post(PATH, json!({"input": "one"})).await.ok();
    let after = |previous: &Value, input: &str| json!({"input": input, "previous_response_id": id(previous)});
    let second = app.post(PATH, after(&first, "two")).await.ok();
    let thread = id(&first).to_owned();
    assert_eq!(said(&app, &thread).await, ["one", "two"]);
    // Again from the first: a branch.
    let other = app.post(PATH, after(&first, "zwei")).await.ok();
    assert_eq!(said(&app, &thread).await, ["one", "zwei"]);
    assert_eq!(other["previous_response_id"], first["id"]);
    let kept = app.get(&format!("{PATH}/{}", id(&second))).await.ok();
    assert!(text(&kept).starts_with("You said: two"));
    // Without a trace.
    let unkept = with(after(&second, "drei"), json!({"store": false}));
    let unkept = app.post(PATH, unkept).await.ok();
    assert!(text(&unkept).starts_with("You said: drei"));
    refused(
        &app.get(&format!("{PATH}/{}", id(&unkept))).await,
        404,
        "not_found",
    );
    assert_eq!(said(&app, &thread).await, ["one", "zwei"]);
    let unknown = app
        .post(
            PATH,
            json!({"input": "x", "previous_response_id": "resp_x"}),
        )
        .await;
    let error = refused(&unknown, 400, "previous_response_not_found");
    assert_eq!(error["param"], "previous_response_id");
}

#[tokio::test]
async fn a_response_belongs_to_a_conversation() {
    let app = TestApp::new().await;
    let made = app.post("/v1/conversations", json!({})).await.ok();
    let conversation = id(&made).to_owned();
    let first = json!({"input": "one", "conversation": conversation});
    let first = app.post(PATH, first).await.ok();
    assert_eq!(first["conversation"]["id"], conversation);
    let second = json!({"input": [message("user", "two")], "conversation": {"id": conversation}});
    let second = app.post(PATH, second).await.ok();
    assert_eq!(said(&app, &conversation).await, ["one", "two"]);
    let got = app.get(&format!("{PATH}/{}", id(&second))).await.ok();
    assert_eq!(got["conversation"]["id"], conversation);
    app.delete(&format!("{PATH}/{}", id(&first))).await.ok();
    assert_eq!(said(&app, &conversation).await, ["one", "two"]);
    let both =
        json!({"input": "x", "conversation": conversation, "previous_response_id": id(&second)});
    refused(&app.post(PATH, both).await, 400, "bad_request");
    let absent = json!({"input": "x", "conversation": "conv_x"});
    refused(&app.post(PATH, absent).await, 404, "not_found");
}

#[tokio::test]
async fn a_response_is_streamed_in_order() {
    let app = TestApp::new().await;
    let body = json!({"input": "a", "model": "scripted:slow", "stream": true});
    let all = events(&app, Method::POST, PATH, body).await;
    let kinds: Vec<&str> = all
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(
        kinds[..4],
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
        ]
    );
    assert_eq!(
        kinds[kinds.len() - 4..],
        [
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let numbers: Vec<u64> = all
        .iter()
        .filter_map(|event| event["sequence_number"].as_u64())
        .collect();
    assert_eq!(numbers, (0..all.len() as u64).collect::<Vec<u64>>());
    let last = &all.last().expect("an end")["response"];
    let deltas: String = all
        .iter()
        .filter_map(|event| event["delta"].as_str())
        .collect();
    assert_eq!(text(last), deltas);
    // Told again, it says the same.
    let path = format!("{PATH}/{}?stream=true&starting_after=1", id(last));
    let again = events(&app, Method::GET, &path, Value::Null).await;
    assert_eq!(again[0]["sequence_number"], 2);
    assert_eq!(
        again.last().expect("an end")["response"]["output"],
        last["output"]
    );
}

#[tokio::test]
async fn a_response_in_the_background_is_followed_and_cancelled() {
    let app = TestApp::new().await;
    let body = json!({"input": "a", "model": "scripted:slow", "background": true});
    let made = app.post(PATH, body).await.ok();
    assert_eq!(made["status"], "in_progress");
    let path = format!("{PATH}/{}", id(&made));
    let all = events(
        &app,
        Method::GET,
        &format!("{path}?stream=true"),
        Value::Null,
    )
    .await;
    assert_eq!(all.last().expect("an end")["type"], "response.completed");
    let rest = events(
        &app,
        Method::GET,
        &format!("{path}?stream=true&starting_after=10"),
        Value::Null,
    )
    .await;
    assert_eq!(rest[..], all[11..]);
    assert_eq!(app.get(&path).await.ok()["status"], "completed");

    let body = json!({"input": "a", "model": "scripted:hang", "background": true});
    let made = app.post(PATH, body).await.ok();
    let path = format!("{PATH}/{}", id(&made));
    let cancelled = app.post(&format!("{path}/cancel"), json!({})).await.ok();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(app.get(&path).await.ok()["status"], "cancelled");
    let other = app.post(PATH, json!({"input": "x"})).await.ok();
    let refusing = app
        .post(&format!("{PATH}/{}/cancel", id(&other)), json!({}))
        .await;
    refused(&refusing, 400, "bad_request");
}

#[tokio::test]
async fn tools_are_called_and_answered() {
    let app = TestApp::new().await;
    let tool = json!({"type": "function", "name": "weather", "parameters": {"type": "object"}});
    let body = json!({"input": "Oslo?", "model": "scripted:tools", "tools": [tool]});
    let made = app.post(PATH, body.clone()).await.ok();
    let call = &made["output"][0];
    assert_eq!(
        (&call["type"], &call["name"]),
        (&json!("function_call"), &json!("weather"))
    );
    let answer =
        json!([{"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}]);
    let next = with(
        body.clone(),
        json!({"input": answer, "previous_response_id": id(&made)}),
    );
    let next = app.post(PATH, next).await.ok();
    assert!(text(&next).starts_with("You said: rain"));
    assert_eq!(transcript(&app, id(&made)).await.len(), 4);
    let all = events(
        &app,
        Method::POST,
        PATH,
        with(body.clone(), json!({"stream": true})),
    )
    .await;
    let kinds: Vec<&str> = all
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert!(
        kinds.contains(&"response.function_call_arguments.done"),
        "{kinds:?}"
    );
    let refusing = app
        .post(PATH, with(body, json!({"model": "scripted:echo"})))
        .await;
    refused(&refusing, 400, "tools_unsupported");
}

#[tokio::test]
async fn a_response_that_failed_says_so() {
    let app = TestApp::new().await;
    let body = json!({"input": "a", "model": "scripted:fail", "stream": true});
    let all = events(&app, Method::POST, PATH, body).await;
    let last = all.last().expect("an end");
    assert_eq!(last["type"], "response.failed");
    let path = format!("{PATH}/{}", id(&last["response"]));
    let got = app.get(&path).await.ok();
    assert_eq!(
        (&got["status"], &got["error"]["code"]),
        (&json!("failed"), &json!("server_error"))
    );
    refused(
        &app.post(PATH, json!({"input": []})).await,
        400,
        "bad_request",
    );
    refused(&app.post(PATH, json!({})).await, 400, "bad_request");
}
