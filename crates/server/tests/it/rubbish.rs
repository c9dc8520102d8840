//! What no client should send: every answer is an error that says so, and none is the server's fault.

use everthread_server::{Settings, route_table};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{TestApp, settings};

/// A path of the table with something in the place of its parameters.
fn filled(path: &str, with: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { with } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn rubbish_on_every_route_is_refused_in_json() {
    let settings = Settings {
        max_body_bytes: 64 << 10,
        ..settings()
    };
    let app = TestApp::with(settings).await;
    let deep = "[".repeat(50_000);
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{bad json".to_vec(),
        b"\"\xff\xfe\"".to_vec(),
        b"[1, 2]".to_vec(),
        b"\"text\"".to_vec(),
        b"{\"limit\": -1, \"thread_ids\": 7, \"metadata\": \"x\", \"ids\": [{}], \"value\": [], \"key\": {}}".to_vec(),
        deep.into_bytes(),
    ];
    for route in route_table() {
        for id in [
            "none",
            "%00",
            "%FF",
            "..%2F",
            "00000000-0000-0000-0000-000000000000",
        ] {
            for body in &bodies {
                let path = filled(route.path, id);
                let request = app.request(route.method.clone(), &path).body(body.clone());
                let response = request.send().await.expect("an answer");
                let status = response.status();
                assert!(status.as_u16() < 500, "{} {path}: {status}", route.method);
            }
        }
    }
}

#[tokio::test]
async fn bodies_have_a_limit_and_need_no_content_type() {
    let settings = Settings {
        max_body_bytes: 1_000,
        ..settings()
    };
    let app = TestApp::with(settings).await;
    let big = json!({"metadata": {"x": "y".repeat(2_000)}});
    let refused = app.post("/threads", big).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(refused.json()["code"], "body_too_large");
    let request = app
        .request(Method::POST, "/threads")
        .header("content-type", "text/plain");
    app.send(request.body(r#"{"metadata": {"a": 1}}"#))
        .await
        .ok();
}

#[tokio::test]
async fn unknown_routes_and_methods_are_told_apart() {
    let app = TestApp::new().await;
    let absent = app.get("/nope").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert_eq!(absent.json()["detail"], "Not Found");
    let thread = app.thread().await;
    let wrong = app
        .patch(&format!("/threads/{thread}/state"), json!({}))
        .await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.json()["detail"], "Method Not Allowed");
    let crons = app
        .post("/runs/crons", json!({"schedule": "* * * * *"}))
        .await;
    assert_eq!(crons.status, StatusCode::NOT_FOUND);
    let info = app.get("/info").await.ok();
    assert_eq!(info["flags"]["crons"], false);
    assert_eq!(app.get("/ok").await.ok()["ok"], true);
}

#[tokio::test]
async fn pages_may_read_where_a_run_is() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/runs/wait");
    let request = app
        .request(Method::POST, &path)
        .header("origin", "http://localhost:3000");
    let answer = app.send(request.json(&crate::app::said("hi"))).await;
    answer.ok();
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    let exposed = answer
        .header("access-control-expose-headers")
        .expect("some")
        .to_lowercase();
    for name in ["location", "content-location", "x-pagination-total"] {
        assert!(
            exposed.split(',').any(|one| one.trim() == name),
            "{exposed}"
        );
    }
}
