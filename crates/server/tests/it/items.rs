//! `/store`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

async fn put(app: &TestApp, body: Value) -> Answer {
    app.send(app.request(Method::PUT, "/store/items").json(&body))
        .await
}

#[tokio::test]
async fn items_are_stored_read_found_and_deleted() {
    let app = TestApp::new().await;
    for (namespace, key, n) in [
        (json!(["users", "ann"]), "m1", 1),
        (json!(["users", "ann"]), "m2", 2),
        (json!(["users", "bob"]), "m1", 3),
    ] {
        let stored = put(
            &app,
            json!({"namespace": namespace, "key": key, "value": {"n": n}, "ttl": 10}),
        )
        .await;
        assert_eq!(stored.status, StatusCode::NO_CONTENT);
    }
    let read = app
        .get("/store/items?namespace=users.ann&key=m1")
        .await
        .ok();
    assert_eq!(read["value"], json!({"n": 1}));
    assert!(read["created_at"].is_string());
    assert_eq!(
        app.get("/store/items?namespace=users.ann&key=none")
            .await
            .ok(),
        Value::Null
    );
    let search = |body| app.post("/store/items/search", body);
    let found = search(json!({"namespace_prefix": ["users"], "filter": {"n": {"$gt": 1}}}))
        .await
        .ok();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["items"][0]["score"], Value::Null);
    let lacking = search(json!({"namespace_prefix": ["users"], "filter": {"none": {"$gt": 1}}}))
        .await
        .ok();
    assert_eq!(lacking, json!({"items": []}));
    let names = app
        .post("/store/namespaces", json!({"max_depth": 1}))
        .await
        .ok();
    assert_eq!(names, json!({"namespaces": [["users"]]}));
    for _ in 0..2 {
        let request = app.request(Method::DELETE, "/store/items");
        let gone = app
            .send(request.json(&json!({"namespace": ["users", "ann"], "key": "m1"})))
            .await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(
        app.get("/store/items?namespace=users.ann&key=m1")
            .await
            .ok(),
        Value::Null
    );
    let others = app
        .as_user("bob")
        .post("/store/items/search", json!({}))
        .await
        .ok();
    assert_eq!(others, json!({"items": []}));
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused() {
    let app = TestApp::new().await;
    for (body, status) in [
        (json!({"namespace": [], "key": "k", "value": {}}), 400),
        (json!({"namespace": ["a.b"], "key": "k", "value": {}}), 422),
        (json!({"namespace": [""], "key": "k", "value": {}}), 422),
        (
            json!({"namespace": ["a"], "key": "k", "value": "text"}),
            422,
        ),
        (json!({"namespace": ["a"], "value": {}}), 422),
        (
            json!({"namespace": ["a"], "key": "k", "value": {}, "index": false}),
            422,
        ),
        (
            json!({"namespace": ["a"], "key": "k", "value": {}, "index": ["text"]}),
            422,
        ),
        (
            json!({"namespace": ["a"], "key": "k", "value": {}, "index": ["$"]}),
            204,
        ),
        (
            json!({"namespace": ["a"], "key": "k", "value": {}, "ttl": -1}),
            422,
        ),
    ] {
        let refused = put(&app, body.clone()).await;
        assert_eq!(refused.status.as_u16(), status, "{body}: {}", refused.text);
    }
    let filter = app
        .post(
            "/store/items/search",
            json!({"filter": {"a": {"$bogus": 1}}}),
        )
        .await;
    assert_eq!(filter.status, StatusCode::UNPROCESSABLE_ENTITY);
}
