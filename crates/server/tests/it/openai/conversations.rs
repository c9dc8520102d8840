//! Conversations and their items.

use serde_json::{Value, json};

use super::{message, refused, said};
use crate::app::TestApp;

const PATH: &str = "/v1/conversations";

fn ids(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().expect("a list");
    let id = |one: &Value| one["id"].as_str().expect("an id").to_owned();
    data.iter().map(id).collect()
}

#[tokio::test]
async fn a_conversation_is_a_thread() {
    let app = TestApp::new().await;
    let items = json!([message("user", "one"), message("assistant", "1")]);
    let made = app
        .post(PATH, json!({"metadata": {"topic": "x"}, "items": items}))
        .await
        .ok();
    let id = made["id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("conv_") && made["metadata"]["topic"] == "x");
    assert_eq!(said(&app, &id).await, ["one"]);
    let run = json!({"assistant_id": "chat", "input": {"messages": [message("user", "two")]}});
    app.post(&format!("/threads/{id}/runs/wait"), run)
        .await
        .ok();
    let path = format!("{PATH}/{id}");
    let list = app.get(&format!("{path}/items?order=asc")).await.ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        list["data"][2]["content"][0],
        json!({"type": "input_text", "text": "two"})
    );
    assert_eq!(list["data"][3]["content"][0]["type"], "output_text");
    // What it was made with stays, what the other protocol notes is not shown.
    let changed = app
        .post(&path, json!({"metadata": {"topic": "y"}}))
        .await
        .ok();
    assert_eq!(changed["metadata"], json!({"topic": "y"}));
    assert_eq!(
        app.get(&format!("/threads/{id}")).await.ok()["metadata"]["graph_id"],
        "chat"
    );
    let deleted = app.delete(&path).await.ok();
    assert_eq!(
        deleted,
        json!({"id": id, "object": "conversation.deleted", "deleted": true})
    );
    refused(&app.get(&path).await, 404, "not_found");
    refused(&app.delete(&path).await, 404, "not_found");
}

#[tokio::test]
async fn items_are_added_read_and_removed() {
    let app = TestApp::new().await;
    let made = app.post(PATH, json!({})).await.ok();
    let path = format!("{PATH}/{}/items", made["id"].as_str().expect("an id"));
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let answer = json!({"type": "function_call_output", "call_id": "c", "output": "done"});
    let added =
        json!({"items": [message("user", "one"), call, answer, message("assistant", "two")]});
    let added = app.post(&path, added).await.ok();
    let all = ids(&added);
    assert_eq!(all.len(), 4);
    let first = app.get(&format!("{path}?limit=3")).await.ok();
    assert_eq!(first["has_more"], true);
    let next = format!(
        "{path}?limit=3&after={}",
        first["last_id"].as_str().expect("an id")
    );
    let next = app.get(&next).await.ok();
    assert_eq!(next["has_more"], false);
    let mut read = [ids(&first), ids(&next)].concat();
    read.reverse();
    assert_eq!(read, all);
    let item = app.get(&format!("{path}/{}", all[1])).await.ok();
    assert_eq!(item["type"], "function_call");
    let left = app.delete(&format!("{path}/{}", all[3])).await.ok();
    assert_eq!(left["object"], "conversation");
    refused(
        &app.get(&format!("{path}/{}", all[3])).await,
        404,
        "not_found",
    );
    assert_eq!(ids(&app.get(&path).await.ok()).len(), 3);
    refused(
        &app.get(&format!("{path}?limit=0")).await,
        400,
        "bad_request",
    );
    refused(
        &app.get(&format!("{path}?after=x")).await,
        400,
        "bad_request",
    );
    refused(
        &app.post(&path, json!({"items": vec![message("user", "x"); 21]}))
            .await,
        400,
        "bad_request",
    );
}

#[tokio::test]
async fn conversations_are_listed() {
    let app = TestApp::new().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        let id = app.post(PATH, json!({})).await.ok()["id"].clone();
        made.push(id.as_str().expect("an id").to_owned());
    }
    made.sort();
    let oldest_first = ids(&app.get(&format!("{PATH}?order=asc")).await.ok());
    let mut sorted = oldest_first.clone();
    sorted.sort();
    assert_eq!(sorted, made);
    let mut read = Vec::new();
    let mut after = String::new();
    loop {
        let page = app.get(&format!("{PATH}?limit=2{after}")).await.ok();
        read.extend(ids(&page));
        if page["has_more"] == false {
            break;
        }
        after = format!("&after={}", page["last_id"].as_str().expect("an id"));
    }
    read.reverse();
    assert_eq!(read, oldest_first);
    assert_eq!(app.as_user("bob").get(PATH).await.ok()["data"], json!([]));
}
