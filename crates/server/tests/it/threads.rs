//! `/threads`.

use serde_json::json;

use crate::app::{TestApp, texts};

#[tokio::test]
async fn a_thread_is_made_talked_on_and_read() {
    let app = TestApp::new().await;
    let made = app
        .post("/threads", json!({"metadata": {"topic": "x"}}))
        .await
        .ok();
    assert_eq!(made["status"], "idle");
    assert_eq!(made["values"], json!(null));
    let thread = made["thread_id"].as_str().expect("an id");
    let values = app.say(thread, "hi").await;
    assert_eq!(texts(&values), ["hi", "echo: hi"]);
    assert_eq!(values["log"], json!(["agent", "gate"]));
    let read = app.get(&format!("/threads/{thread}")).await.ok();
    assert_eq!(read["metadata"]["graph_id"], "agent");
    assert_eq!(read["metadata"]["topic"], "x");
    assert_eq!(read["values"], values);
    let state = app.state(thread).await;
    assert_eq!(state["values"], values);
    assert_eq!(state["next"], json!([]));
}
