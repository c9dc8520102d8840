//! Runs without a thread.

use reqwest::StatusCode;
use serde_json::json;

use crate::app::{TestApp, said, texts, with};

#[tokio::test]
async fn a_run_without_a_thread_leaves_nothing_behind() {
    let app = TestApp::new().await;
    let waited = app.post("/runs/wait", said("alone")).await;
    assert_eq!(texts(&waited.ok()), ["alone", "echo: alone"]);
    let place = waited
        .header("content-location")
        .expect("a place")
        .to_owned();
    let (_, run) = place.rsplit_once("/runs/").expect("a run");
    assert_eq!(place, format!("/threads/{run}/runs/{run}"));
    let run = run.to_owned();
    assert_eq!(
        waited.header("location"),
        Some(format!("{place}/join").as_str())
    );
    let stream = app.stream("/runs/stream", said("alone")).await;
    let place = stream.header("content-location").to_owned();
    assert_eq!(stream.header("location"), format!("{place}/stream"));
    stream.all().await;
    // What is deleted after the answer is gone when the server has stopped.
    let store = app.store.clone();
    app.stop().await;
    let ann = everthread_graph::contract::UserId::new("ann").expect("an id");
    let left = store
        .threads(&ann, Default::default())
        .await
        .expect("threads");
    assert!(left.is_empty(), "{run}: {left:?}");
}

#[tokio::test]
async fn its_thread_may_be_kept() {
    let app = TestApp::new().await;
    let body = with(said("kept"), json!({"on_completion": "keep"}));
    let begun = app.post("/runs", body).await.ok();
    assert_eq!(begun["status"], "pending");
    let (thread, run) = (
        begun["thread_id"].as_str().expect("an id"),
        begun["run_id"].as_str().expect("an id"),
    );
    app.get(&format!("/runs/{run}/join")).await.ok();
    assert_eq!(
        texts(&app.state(thread).await["values"]),
        ["kept", "echo: kept"]
    );
    let others = app.as_user("bob").get(&format!("/runs/{run}/join")).await;
    assert_eq!(others.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_batch_is_begun_as_a_whole() {
    let app = TestApp::new().await;
    let keep = json!({"on_completion": "keep"});
    let batch = json!([with(said("b1"), keep.clone()), with(said("b2"), keep)]);
    let rows = app.post("/runs/batch", batch).await.ok();
    for row in rows.as_array().expect("rows") {
        let run = row["run_id"].as_str().expect("an id");
        app.get(&format!("/runs/{run}/join")).await.ok();
    }
    let wrong = json!([said("b1"), {"input": {}}]);
    let refused = app.post("/runs/batch", wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(app.post("/threads/count", json!({})).await.ok(), 2);
}
