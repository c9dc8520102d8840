//! What one key may ask for.

use std::sync::Arc;

use everthread_server::LimitSettings;
use everthread_server::identity::Role;
use everthread_sqlite::{SqliteOptions, SqliteStore};
use reqwest::Method;
use serde_json::{Value, json};

use crate::agent::Holds;
use crate::app::{Answer, TestApp, answer, said, settings};
use crate::keyed::{call, key};

async fn limited(limits: LimitSettings) -> TestApp {
    let store = SqliteStore::open(SqliteOptions::memory()).expect("a store in memory");
    TestApp::limited(Arc::new(store), settings(), Holds::default(), limits).await
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["code"]),
        (429, &json!(code))
    );
    let seconds = answer.header("retry-after").expect("when to come again");
    assert!(seconds.parse::<u64>().expect("seconds") >= 1);
}

#[tokio::test]
async fn a_key_sends_so_much_a_minute() {
    let app = limited(LimitSettings {
        user_mib_per_minute: 1,
        ..LimitSettings::default()
    })
    .await;
    let (ann, bob) = (
        key(&app, Role::User, Some("ann")).await,
        key(&app, Role::User, Some("bob")).await,
    );
    let service = key(&app, Role::Service, None).await;
    let ann = [("x-api-key", &*ann)];
    let bob = [("x-api-key", &*bob)];
    let service = [("x-api-key", &*service), ("x-everthread-user", "ann")];
    let body = |kib: usize| json!({"metadata": {"a": "x".repeat(kib * 1024)}});
    call(&app, "POST", "/threads", &ann, body(700)).await.ok();
    let again = call(&app, "POST", "/threads", &ann, body(700)).await;
    refused(&again, "rate_limited");
    let large = call(&app, "POST", "/threads", &ann, body(1_100)).await;
    assert_eq!(
        (large.status.as_u16(), &large.json()["code"]),
        (413, &json!("body_too_large"))
    );
    call(&app, "POST", "/threads", &bob, body(700)).await.ok();
    for _ in 0..3 {
        call(&app, "POST", "/threads", &service, body(700))
            .await
            .ok();
    }
}

#[tokio::test]
async fn a_key_reads_so_many_streams_at_once() {
    let app = limited(LimitSettings {
        user_streams: 1,
        ..LimitSettings::default()
    })
    .await;
    let ann = key(&app, Role::User, Some("ann")).await;
    let own = [("x-api-key", &*ann)];
    let made = call(&app, "POST", "/threads", &own, json!({})).await.ok();
    let path = format!(
        "/threads/{}/runs",
        made["thread_id"].as_str().expect("an id")
    );
    let stream = format!("{path}/stream");
    let open = |text: &str| {
        let request = app
            .client
            .request(Method::POST, format!("{}{stream}", app.base));
        request.header("x-api-key", &ann).json(&said(text)).send()
    };
    let first = open("hold a").await.expect("an answer");
    assert_eq!(first.status(), 200);
    refused(
        &answer(open("one").await.expect("an answer")).await,
        "too_many_streams",
    );
    let runs = call(&app, "GET", &path, &own, Value::Null).await.ok();
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "nothing was begun");
    app.holds.free("a");
    first.text().await.expect("to its end");
    // The count goes down when the server lets go of the body: at once, or a moment after its last byte.
    let second = tokio::time::timeout(crate::app::LIMIT, async {
        loop {
            let again = open("two").await.expect("an answer");
            if again.status() != 429 {
                return again;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(second.await.expect("in time").status(), 200);
}
