//! The Model Context Protocol, by hand; real clients try it in `clients`.

use serde_json::{Value, json};

use crate::app::TestApp;

/// Calls a tool; gives what it says, and whether that is an error.
async fn call(app: &TestApp, tool: &str, arguments: Value) -> (Value, bool) {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    });
    let answer = app.post("/mcp", body).await.ok();
    let result = &answer["result"];
    let failed = result["isError"] == true;
    let said = if failed {
        result["content"][0]["text"].clone()
    } else {
        result["structuredContent"].clone()
    };
    (said, failed)
}

#[tokio::test]
async fn tools_are_told() {
    let app = TestApp::new().await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let answer = app.post("/mcp", body).await.ok();
    let tools = answer["result"]["tools"].as_array().expect("tools");
    let names: Vec<&str> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    let wanted = [
        "search_conversations",
        "read_conversation",
        "remember",
        "recall",
    ];
    for name in wanted {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(names.len(), wanted.len());
}

#[tokio::test]
async fn conversations_are_searched_and_read() {
    let app = TestApp::new().await;
    let body = json!({"messages": [{"role": "user", "content": "My dog is Rex."}], "user": "talk"});
    app.post("/v1/chat/completions", body).await.ok();
    let (found, _) = call(&app, "search_conversations", json!({"query": "dog rex"})).await;
    let hits = found["messages"].as_array().expect("hits");
    assert!(
        hits.iter()
            .any(|hit| hit["conversation"] == "talk" && hit["from"] == "human"),
        "{found}"
    );
    let (read, _) = call(&app, "read_conversation", json!({"conversation": "talk"})).await;
    assert_eq!(read["messages"][0]["text"], "My dog is Rex.");
    assert_eq!(read["messages"].as_array().map(Vec::len), Some(2));
    let (why, failed) = call(&app, "read_conversation", json!({"conversation": "none"})).await;
    assert!(
        failed && why.as_str().is_some_and(|why| why.contains("not found")),
        "{why}"
    );
    let (_, failed) = call(&app, "search_conversations", json!({"query": "…"})).await;
    assert!(failed);
    let bob = app.as_user("bob");
    let (found, _) = call(&bob, "search_conversations", json!({"query": "rex"})).await;
    assert_eq!(found["messages"], json!([]));
}

#[tokio::test]
async fn notes_are_remembered_and_recalled() {
    let app = TestApp::new().await;
    for (key, text) in [
        ("pet", "The dog is called Rex."),
        ("car", "The car is blue."),
    ] {
        let (kept, failed) = call(&app, "remember", json!({"key": key, "text": text})).await;
        assert!(!failed && kept["key"] == key, "{kept}");
    }
    let (named, _) = call(&app, "recall", json!({"key": "pet"})).await;
    assert_eq!(named["items"][0]["value"]["text"], "The dog is called Rex.");
    let (about, _) = call(&app, "recall", json!({"query": "the blue car"})).await;
    assert_eq!(about["items"][0]["key"], "car");
    let (newest, _) = call(&app, "recall", json!({})).await;
    assert_eq!(newest["items"].as_array().map(Vec::len), Some(2));
    // The same items as the other protocol's.
    let item = app
        .get("/store/items?namespace=memories&key=pet")
        .await
        .ok();
    assert_eq!(item["value"]["text"], "The dog is called Rex.");
    let (_, failed) = call(&app, "recall", json!({"key": "none"})).await;
    assert!(failed);
    let (_, failed) = call(&app, "remember", json!({"text": "x", "namespace": ["a.b"]})).await;
    assert!(failed);
    let (others, _) = call(&app.as_user("bob"), "recall", json!({})).await;
    assert_eq!(others["items"], json!([]));
}
