//! What happens to a run that finds another one on its thread.

use reqwest::StatusCode;
use serde_json::json;

use crate::app::{TestApp, said, texts, with};

#[tokio::test]
async fn by_default_runs_wait_for_one_another() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.begin(&thread, said("hold a")).await;
    app.holds.reached("a").await;
    let second = app.begin(&thread, said("second")).await;
    let third = app.begin(&thread, said("third")).await;
    let path = format!("/threads/{thread}/runs");
    let row = app.get(&format!("{path}/{second}")).await.ok();
    assert_eq!(
        (&row["status"], &row["multitask_strategy"]),
        (&json!("pending"), &json!("enqueue"))
    );
    app.holds.free("a");
    let values = app.get(&format!("{path}/{third}/join")).await.ok();
    let said = [
        "hold a",
        "echo: hold a",
        "second",
        "echo: second",
        "third",
        "echo: third",
    ];
    assert_eq!(texts(&values), said);
}

#[tokio::test]
async fn a_run_that_will_not_wait_is_refused() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.begin(&thread, said("hold a")).await;
    app.holds.reached("a").await;
    for way in ["runs", "runs/wait", "runs/stream"] {
        let body = with(said("x"), json!({"multitask_strategy": "reject"}));
        let refused = app.post(&format!("/threads/{thread}/{way}"), body).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{way}");
        assert_eq!(refused.json()["code"], "thread_busy");
    }
    assert_eq!(
        app.get(&format!("/threads/{thread}/runs"))
            .await
            .ok()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    app.holds.free("a");
}

#[tokio::test]
async fn a_run_that_interrupts_keeps_what_was_said() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let first = app
        .stream(&format!("/threads/{thread}/runs/stream"), said("hold a"))
        .await;
    let id = first.run();
    app.holds.reached("a").await;
    let body = with(said("second"), json!({"multitask_strategy": "interrupt"}));
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), body)
        .await
        .ok();
    assert_eq!(texts(&values), ["hold a", "second", "echo: second"]);
    let told = first.all().await;
    assert!(told.iter().all(|event| event.name != "error"), "{told:?}");
    assert_eq!(
        app.get(&format!("/threads/{thread}/runs/{id}")).await.ok()["status"],
        "interrupted"
    );
    assert_eq!(
        app.get(&format!("/threads/{thread}")).await.ok()["status"],
        "idle"
    );
}

#[tokio::test]
async fn a_run_that_rolls_back_takes_back_what_was_said() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.say(&thread, "before").await;
    let first = app.begin(&thread, said("hold a")).await;
    app.holds.reached("a").await;
    let body = with(said("second"), json!({"multitask_strategy": "rollback"}));
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), body)
        .await
        .ok();
    assert_eq!(
        texts(&values),
        ["before", "echo: before", "second", "echo: second"]
    );
    let gone = app.get(&format!("/threads/{thread}/runs/{first}")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn there_is_no_more_room_than_there_is() {
    let settings = everthread_server::Settings {
        max_runs: 1,
        ..crate::app::settings()
    };
    let app = TestApp::with(settings).await;
    let (one, two) = (app.thread().await, app.thread().await);
    app.begin(&one, said("hold a")).await;
    for way in ["runs", "runs/wait", "runs/stream"] {
        let refused = app.post(&format!("/threads/{two}/{way}"), said("x")).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    assert_eq!(
        app.get(&format!("/threads/{two}/runs")).await.ok(),
        json!([])
    );
    app.holds.free("a");
}
