//! What a process leaves, the next one takes up.

use std::collections::HashMap;
use std::sync::Arc;

use everthread_server::{LeftActive, Settings};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use serde_json::json;

use crate::agent::Holds;
use crate::app::{TestApp, input, said, settings, texts, with};
use crate::sse::names;

fn open(dir: &tempfile::TempDir) -> Arc<dyn Store> {
    let options = SqliteOptions::at(dir.path().join("talk.db"));
    Arc::new(SqliteStore::open(options).expect("a store"))
}

#[tokio::test]
async fn a_run_that_a_shutdown_left_goes_on_and_its_reader_gets_the_rest() {
    let dir = tempfile::tempdir().expect("a folder");
    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/runs");
    let body = with(
        said("hold a"),
        json!({"stream_resumable": true, "stream_mode": ["values", "custom"]}),
    );
    let mut stream = app.stream(&format!("{path}/stream"), body).await;
    let run = stream.run();
    let seen = stream.next_of("custom").await.id.expect("an id");
    app.holds.reached("a").await;
    let waits = app.begin(&thread, said("second")).await;
    let store = app.store.clone();
    app.stop().await;
    let told = stream.all().await;
    assert!(told.iter().all(|event| event.name != "end"), "{told:?}");
    store.close().await.expect("closed");

    let holds = Holds::default();
    holds.free("a");
    let app = TestApp::over(open(&dir), settings(), holds).await;
    let joined = app.get(&format!("{path}/{waits}/join")).await.ok();
    assert_eq!(
        texts(&joined),
        ["hold a", "echo: hold a", "second", "echo: second"]
    );
    assert_eq!(
        app.get(&format!("{path}/{run}")).await.ok()["status"],
        "success"
    );
    assert_eq!(app.get(&path).await.ok().as_array().map(Vec::len), Some(2));
    let rest = app
        .join(&format!("{path}/{run}/stream"), Some(&seen))
        .await
        .all()
        .await;
    assert_eq!(rest.last().expect("an end").name, "end");
    assert_eq!(
        names(&rest).iter().filter(|name| **name == "end").count(),
        1
    );
    assert_eq!(
        texts(&rest[rest.len() - 2].data),
        ["hold a", "echo: hold a"]
    );
    assert!(rest.iter().all(|event| {
        event
            .id
            .as_ref()
            .expect("an id")
            .parse::<u64>()
            .expect("a number")
            > seen.parse().expect("a number")
    }));
}

#[tokio::test]
async fn a_run_that_was_put_off_keeps_its_time_over_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let thread = app.thread().await;
    let far = app
        .begin(&thread, with(said("far"), json!({"after_seconds": 3600})))
        .await;
    let near = app
        .begin(&thread, with(said("near"), json!({"after_seconds": 0.5})))
        .await;
    let store = app.store.clone();
    app.stop().await;
    store.close().await.expect("closed");
    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let path = format!("/threads/{thread}/runs");
    let joined = app.get(&format!("{path}/{near}/join")).await.ok();
    assert_eq!(texts(&joined), ["near", "echo: near"]);
    assert_eq!(
        app.get(&format!("{path}/{far}")).await.ok()["status"],
        "pending"
    );
}

#[tokio::test]
async fn a_run_that_is_not_to_go_on_is_shown_as_failed() {
    let dir = tempfile::tempdir().expect("a folder");
    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let thread = app.thread().await;
    let run = app.begin(&thread, said("hold a")).await;
    app.holds.reached("a").await;
    let store = app.store.clone();
    app.stop().await;
    store.close().await.expect("closed");
    let fail = Settings {
        left_active: LeftActive::Fail,
        ..settings()
    };
    let app = TestApp::over(open(&dir), fail, Holds::default()).await;
    let path = format!("/threads/{thread}/runs/{run}");
    assert_eq!(app.get(&path).await.ok()["status"], "error");
    let joined = app.get(&format!("{path}/join")).await.ok();
    assert!(joined["__error__"].is_object(), "{joined}");
    let shown = app.get(&format!("/threads/{thread}")).await.ok();
    assert_eq!(shown["status"], "error", "{shown}");
    assert_eq!(
        texts(&app.say(&thread, "next").await),
        ["hold a", "next", "echo: next"]
    );
}

#[tokio::test]
async fn a_reply_that_was_broken_off_is_taken_back_before_it_begins_anew() {
    let dir = tempfile::tempdir().expect("a folder");
    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/runs");
    let body = json!({
        "assistant_id": "chat", "input": input("w w w"), "context": {"model": "scripted:slow"},
        "stream_resumable": true, "stream_mode": ["values", "messages-tuple"],
    });
    let mut stream = app.stream(&format!("{path}/stream"), body).await;
    let run = stream.run();
    let begun = stream.next_of("messages").await;
    let store = app.store.clone();
    app.stop().await;
    store.close().await.expect("closed");

    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let mut all = vec![begun];
    let seen = all[0].id.clone().expect("an id");
    all.extend(
        app.join(&format!("{path}/{run}/stream"), Some(&seen))
            .await
            .all()
            .await,
    );
    let mut shown: HashMap<String, String> = HashMap::new();
    let mut removed = 0;
    for event in all.iter().filter(|event| event.name == "messages") {
        let piece = &event.data[0];
        let id = piece["id"].as_str().expect("an id").to_owned();
        if piece["type"] == "remove" {
            removed += 1;
            shown.remove(&id);
        } else {
            *shown.entry(id).or_default() += piece["content"].as_str().expect("a text");
        }
    }
    assert_eq!(removed, 1, "{all:?}");
    let last = all.iter().rev().find(|event| event.name == "values");
    let reply = &last.expect("the state").data["messages"][1];
    let whole = (
        reply["id"].as_str().expect("an id"),
        reply["content"].as_str().expect("a text"),
    );
    let shown: Vec<(&str, &str)> = shown.iter().map(|(id, text)| (&**id, &**text)).collect();
    assert_eq!(shown, [whole]);
}
