//! Rubbish on every route: refused with a reason, never an error of the server's own.

use everthread_server::route_table;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, settings};

/// Bodies that no route can use, or that look like something.
fn bodies() -> Vec<Vec<u8>> {
    let deep = "[".repeat(50_000) + &"]".repeat(50_000);
    let deep_object = "{\"a\":".repeat(2_000) + "1" + &"}".repeat(2_000);
    let wrong_types = json!({
        "thread_id": 7, "assistant_id": [], "input": "text", "metadata": [1], "limit": "many",
        "namespace": {"a": 1}, "key": null, "value": [], "command": 3, "config": "x", "stream_mode": 5,
        "checkpoint": [], "checkpoint_id": {}, "values": 1, "thread_ids": 4, "ids": "x", "role": 1,
        "messages": 5, "tools": 3, "conversation": 4, "items": 1, "stop": {}, "method": 1,
        "graph_id": 3, "version": "x", "namespace_prefix": 1, "filter": [1], "run_ids": 9, "ttl": "x",
    });
    vec![
        Vec::new(),
        b"{".to_vec(),
        b"\"\xff\xfe\"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"[[[{}]]]".to_vec(),
        b"1e999".to_vec(),
        b"\"\\ud800\"".to_vec(),
        b"{\"thread_id\": \"\\u0000\", \"metadata\": {\"\\u0000\": \"\\u0000\"}}".to_vec(),
        wrong_types.to_string().into_bytes(),
        b"{\"messages\": [5, null, {}], \"items\": [null], \"input\": [[]], \"conversation\": \"\\u0000\"}".to_vec(),
        deep.into_bytes(),
        deep_object.into_bytes(),
    ]
}

/// What may stand where a path has a parameter.
const NAMES: [&str; 6] = [
    "none",
    "01a2047f-15df-7573-8c45-1fe220b10946",
    "%00",
    "%FF%FE",
    "..%2f..%2fetc",
    "%F0%9F%A6%80",
];

fn paths(pattern: &str) -> Vec<String> {
    let has_parameter = pattern.contains('{');
    let fill = |name: &str| {
        let parts = pattern
            .split('/')
            .map(|part| if part.starts_with('{') { name } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    if has_parameter {
        NAMES.iter().map(|name| fill(name)).collect()
    } else {
        vec![pattern.to_owned()]
    }
}

#[track_caller]
fn is_refused_well(answer: &Answer, what: &str) {
    let status = answer.status.as_u16();
    // What is not offered says so with the one 5xx that means it.
    let is_honest = status < 500;
    assert!(is_honest, "{what}: {status} {}", answer.text);
    if status >= 400 && !what.starts_with("HEAD") {
        let body: Value = serde_json::from_str(&answer.text)
            .unwrap_or_else(|_| panic!("{what}: {status} without JSON: {:?}", answer.text));
        let told = if what.contains(" /v1/") {
            let error = &body["error"];
            error["message"].is_string() && error["code"].is_string() && error["type"].is_string()
        } else if body["jsonrpc"] == "2.0" {
            body["error"]["message"].is_string()
        } else {
            body["detail"].is_string() && body["code"].is_string()
        };
        assert!(told, "{what}: {body}");
    }
}

#[tokio::test]
async fn no_route_breaks_on_a_bad_body_or_path() {
    let app = TestApp::new().await;
    for route in route_table() {
        for path in paths(route.path) {
            let bodies = match route.method {
                Method::GET => vec![Vec::new()],
                _ => bodies(),
            };
            for body in bodies {
                let what = format!(
                    "{} {path} {:.60}",
                    route.method,
                    String::from_utf8_lossy(&body)
                );
                let request = app.request(route.method.clone(), &path).body(body);
                is_refused_well(&app.send(request).await, &what);
            }
        }
    }
    app.get("/ok").await.ok();
}

#[tokio::test]
async fn no_route_breaks_on_a_bad_query_or_method() {
    let app = TestApp::new().await;
    let queries = [
        "?limit=-1&offset=-1",
        "?limit=99999999999999999999&offset=x",
        "?limit=1000&offset=18446744073709551615",
        "?limit=%FF&q=%FF&status=%00&subgraphs=maybe&before=x&namespace=&key=",
        "?q=%22&q=*&thread_id=%00&stream_mode=nonsense&action=nonsense&wait=maybe",
    ];
    for route in route_table() {
        let path = paths(route.path).remove(0);
        for query in queries {
            let what = format!("{} {path}{query}", route.method);
            let request = app.request(route.method.clone(), &format!("{path}{query}"));
            is_refused_well(&app.send(request.body("{}")).await, &what);
        }
        for method in ["HEAD", "PUT", "PATCH", "TRACE", "NONSENSE"] {
            let what = format!("{method} {path}");
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            is_refused_well(
                &app.send(app.request(method, &path).body("{}")).await,
                &what,
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let app = TestApp::with(everthread_server::Settings {
        max_body_bytes: 10_000,
        ..settings()
    })
    .await;
    let large = json!({"metadata": {"text": "x".repeat(20_000)}});
    let refused = app.post("/threads", large).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["code"]),
        (413, &json!("body_too_large"))
    );
}

#[tokio::test]
async fn odd_headers_are_refused_or_ignored() {
    let app = TestApp::new().await;
    let long = "x".repeat(6_000);
    for (name, value) in [
        ("x-everthread-user", ""),
        ("x-everthread-user", long.as_str()),
        ("x-request-id", long.as_str()),
        ("last-event-id", "nonsense"),
        ("content-type", "text/nonsense; charset=klingon"),
        ("authorization", "Nonsense"),
        ("prefer", "return=nonsense"),
    ] {
        let url = format!("{}/threads/search", app.base);
        let request = app.client.post(url).header(name, value).body("{}");
        is_refused_well(&app.send(request).await, &format!("POST with {name}"));
    }
}
