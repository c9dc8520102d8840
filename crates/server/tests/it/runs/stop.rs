//! Stopping runs.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{TestApp, said, texts, with};

async fn cancel(app: &TestApp, thread: &str, run: &str, query: &str) -> crate::app::Answer {
    let path = format!("/threads/{thread}/runs/{run}/cancel?{query}");
    app.send(app.request(Method::POST, &path)).await
}

#[tokio::test]
async fn a_run_is_stopped_and_its_input_stays() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let stream = app
        .stream(&format!("/threads/{thread}/runs/stream"), said("hold a"))
        .await;
    let run = stream.run();
    app.holds.reached("a").await;
    let stopped = cancel(&app, &thread, &run, "wait=1&action=interrupt").await;
    assert_eq!(stopped.ok(), json!({}));
    let path = format!("/threads/{thread}/runs/{run}");
    assert_eq!(app.get(&path).await.ok()["status"], "interrupted");
    let read = app.get(&format!("/threads/{thread}")).await.ok();
    assert_eq!(read["status"], "interrupted");
    assert_eq!(texts(&read["values"]), ["hold a"]);
    let told = stream.all().await;
    assert_eq!(told.last().expect("an end").data["status"], "interrupted");
    let again = cancel(&app, &thread, &run, "wait=0").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_run_is_taken_back() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.say(&thread, "before").await;
    let run = app.begin(&thread, said("hold a")).await;
    app.holds.reached("a").await;
    cancel(&app, &thread, &run, "wait=1&action=rollback")
        .await
        .ok();
    let gone = app.get(&format!("/threads/{thread}/runs/{run}")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let read = app.get(&format!("/threads/{thread}")).await.ok();
    assert_eq!(read["status"], "idle");
    assert_eq!(texts(&read["values"]), ["before", "echo: before"]);
}

#[tokio::test]
async fn a_run_that_waits_is_stopped_without_having_begun() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.begin(&thread, said("hold a")).await;
    app.holds.reached("a").await;
    let waits = app.begin(&thread, said("second")).await;
    let rolled = app.begin(&thread, said("third")).await;
    cancel(&app, &thread, &waits, "wait=1").await.ok();
    cancel(&app, &thread, &rolled, "wait=1&action=rollback")
        .await
        .ok();
    let path = format!("/threads/{thread}/runs");
    assert_eq!(
        app.get(&format!("{path}/{waits}")).await.ok()["status"],
        "interrupted"
    );
    assert_eq!(
        app.get(&format!("{path}/{rolled}")).await.status,
        StatusCode::NOT_FOUND
    );
    app.holds.free("a");
    let values = app.say(&thread, "last").await;
    assert_eq!(
        texts(&values),
        ["hold a", "echo: hold a", "last", "echo: last"]
    );
}

#[tokio::test]
async fn many_are_stopped_at_once_and_only_ones_own() {
    let app = TestApp::new().await;
    let mut runs = Vec::new();
    for name in ["a", "b"] {
        let thread = app.thread().await;
        let run = app.begin(&thread, said(&format!("hold {name}"))).await;
        app.holds.reached(name).await;
        runs.push((thread, run));
    }
    let all = json!({"status": "all"});
    let others = app.as_user("bob").post("/runs/cancel", all.clone()).await;
    assert_eq!(others.status, StatusCode::NOT_FOUND);
    let stopped = app.post("/runs/cancel?action=interrupt", all).await;
    assert_eq!(stopped.status, StatusCode::NO_CONTENT);
    for (thread, run) in &runs {
        app.get(&format!("/threads/{thread}/runs/{run}/join"))
            .await
            .ok();
        let row = app.get(&format!("/threads/{thread}/runs/{run}")).await.ok();
        assert_eq!(row["status"], "interrupted");
    }
    let named = json!({"thread_id": runs[0].0, "run_ids": [runs[0].1]});
    assert_eq!(
        app.post("/runs/cancel", named).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        app.post("/runs/cancel", json!({})).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_caller_who_goes_away_may_stop_the_run() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let body = with(said("hold a"), json!({"on_disconnect": "cancel"}));
    let stream = app
        .stream(&format!("/threads/{thread}/runs/stream"), body)
        .await;
    let run = stream.run();
    app.holds.reached("a").await;
    drop(stream);
    let path = format!("/threads/{thread}/runs/{run}");
    app.get(&format!("{path}/join")).await.ok();
    assert_eq!(app.get(&path).await.ok()["status"], "interrupted");
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_run_alone_by_default() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let stream = app
        .stream(&format!("/threads/{thread}/runs/stream"), said("hold a"))
        .await;
    let run = stream.run();
    app.holds.reached("a").await;
    drop(stream);
    app.holds.free("a");
    let joined = app
        .get(&format!("/threads/{thread}/runs/{run}/join"))
        .await
        .ok();
    assert_eq!(texts(&joined), ["hold a", "echo: hold a"]);
}
