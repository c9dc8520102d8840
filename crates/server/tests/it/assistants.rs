//! `/assistants`.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{TestApp, input, texts};

#[tokio::test]
async fn each_graph_is_an_assistant() {
    let app = TestApp::new().await;
    let found = app
        .post(
            "/assistants/search",
            json!({"metadata": {"created_by": "system"}}),
        )
        .await;
    assert_eq!(found.header("x-pagination-total"), Some("4"));
    let names: Vec<Value> = found
        .ok()
        .as_array()
        .expect("assistants")
        .iter()
        .map(|one| one["graph_id"].clone())
        .collect();
    for name in ["agent", "parent", "chat", "review"] {
        assert!(names.contains(&json!(name)), "{names:?}");
    }
    let agent = app
        .get("/assistants/fe096781-5601-53d2-b2f6-0d3403f7e9ca")
        .await
        .ok();
    assert_eq!(agent["name"], "agent");
    assert_eq!(agent["version"], 1);
    let graph = app.get("/assistants/agent/graph?xray=false").await.ok();
    let expected = json!([
        {"source": "__start__", "target": "agent"},
        {"source": "agent", "target": "gate"},
        {"source": "gate", "target": "__end__"},
    ]);
    assert_eq!(graph["edges"], expected);
    let inside = app.get("/assistants/parent/graph?xray=true").await.ok();
    assert!(
        inside["nodes"]
            .as_array()
            .expect("nodes")
            .iter()
            .any(|node| node["id"] == "child:gate")
    );
    let schemas = app.get("/assistants/agent/schemas").await.ok();
    assert!(schemas["input_schema"]["properties"]["messages"].is_object());
    let subgraphs = app
        .get("/assistants/parent/subgraphs?recurse=true")
        .await
        .ok();
    assert!(subgraphs["child"]["state_schema"].is_object());
}

#[tokio::test]
async fn assistants_are_made_changed_and_put_back() {
    let app = TestApp::new().await;
    let body = json!({"graph_id": "chat", "name": "mine", "metadata": {"k": 1}, "config": {"configurable": {"x": 1}}});
    let made = app.post("/assistants", body).await.ok();
    assert_eq!(made["context"], json!({"x": 1}));
    let id = made["assistant_id"].as_str().expect("an id");
    let path = format!("/assistants/{id}");
    let patched = app
        .patch(&path, json!({"name": "mine2", "metadata": {"l": 2}}))
        .await
        .ok();
    assert_eq!(
        (&patched["name"], &patched["version"]),
        (&json!("mine2"), &json!(2))
    );
    assert_eq!(patched["metadata"], json!({"k": 1, "l": 2}));
    let versions = app.post(&format!("{path}/versions"), json!({})).await.ok();
    assert_eq!(versions.as_array().map(Vec::len), Some(2));
    assert_eq!(versions[0]["version"], 2);
    let back = app
        .post(&format!("{path}/latest"), json!({"version": 1}))
        .await
        .ok();
    assert_eq!(back["name"], "mine");
    assert_eq!(
        app.post("/assistants/count", json!({"graph_id": "chat"}))
            .await
            .ok(),
        2
    );
    assert_eq!(app.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND);
    let system = app
        .delete("/assistants/fe096781-5601-53d2-b2f6-0d3403f7e9ca")
        .await;
    assert_eq!(system.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_run_of_an_assistant_has_its_context() {
    let app = TestApp::new().await;
    let body =
        json!({"graph_id": "agent", "context": {"a": 1, "b": 1}, "config": {"recursion_limit": 1}});
    let made = app.post("/assistants", body).await.ok();
    let thread = app.thread().await;
    let run =
        json!({"assistant_id": made["assistant_id"], "input": input("hi"), "context": {"b": 2}});
    let waited = app
        .post(&format!("/threads/{thread}/runs/wait"), run.clone())
        .await
        .ok();
    assert_eq!(waited["__error__"]["error"], "GraphRecursionError");
    let row = app.get(&format!("/threads/{thread}/runs")).await.ok()[0].clone();
    assert_eq!(row["kwargs"]["context"], json!({"a": 1, "b": 2}));
    assert_eq!(row["assistant_id"], made["assistant_id"]);
    let mut more = run;
    more["config"] = json!({"recursion_limit": 5});
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), more)
        .await
        .ok();
    assert_eq!(texts(&values).last().map(String::as_str), Some("echo: hi"));
}

#[tokio::test]
async fn a_context_that_no_run_could_have_is_refused() {
    let app = TestApp::new().await;
    for (context, named) in [
        (json!({"temperature": 99}), "temperature"),
        (json!({"sytem": "typo"}), "sytem"),
        (json!({"model": "nobody:knows"}), "nobody:knows"),
    ] {
        let body = json!({"graph_id": "review", "context": context});
        let refused = app.post("/assistants", body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{named}");
        assert!(refused.text.contains(named), "{}", refused.text);
    }
    let body = json!({"graph_id": "chat", "context": {"system": "Be kind.", "max_tokens": 5}});
    let made = app.post("/assistants", body).await.ok();
    let path = format!(
        "/assistants/{}",
        made["assistant_id"].as_str().expect("an id")
    );
    let wrong = json!({"context": {"model": "nobody:knows"}});
    let refused = app.patch(&path, wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("nobody:knows"), "{}", refused.text);
    assert_eq!(app.get(&path).await.ok()["version"], 1);
}
