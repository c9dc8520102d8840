//! `/threads/{thread_id}/state` and `/history`.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{TestApp, input, said, texts, with};

#[tokio::test]
async fn a_thread_without_a_checkpoint_has_an_empty_state() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let state = app.state(&thread).await;
    assert_eq!(state["values"], json!({}));
    assert_eq!(state["checkpoint"]["thread_id"], json!(thread));
    assert_eq!(state["checkpoint"]["checkpoint_id"], Value::Null);
    let lookup = json!({"checkpoint": {"thread_id": thread}});
    let looked = app
        .post(&format!("/threads/{thread}/state/checkpoint"), lookup)
        .await;
    assert_eq!(looked.ok(), state);
    let history = app
        .post(&format!("/threads/{thread}/history"), json!({}))
        .await;
    assert_eq!(history.ok(), json!([]));
    assert_eq!(
        app.get("/threads/none/state").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn history_goes_back_and_before_has_four_shapes() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/history");
    app.say(&thread, "one").await;
    let all = app.post(&path, json!({"limit": 100})).await.ok();
    let all = all.as_array().expect("states").clone();
    assert_eq!(all[0]["next"], json!([]));
    assert_eq!(all[0]["metadata"]["source"], "loop");
    assert_eq!(all.last().expect("a first")["metadata"]["source"], "input");
    assert_eq!(all[0]["parent_checkpoint_id"], all[1]["checkpoint_id"]);
    let id = &all[1]["checkpoint_id"];
    for before in [
        id.clone(),
        all[1]["checkpoint"].clone(),
        json!({"configurable": {"checkpoint_id": id}}),
        json!({"config": {"configurable": {"checkpoint_id": id}}}),
    ] {
        let older = app.post(&path, json!({"before": before})).await.ok();
        assert_eq!(older.as_array(), Some(&all[2..].to_vec()), "{before}");
    }
    let inputs = app
        .post(&path, json!({"metadata": {"source": "input"}}))
        .await
        .ok();
    assert_eq!(inputs.as_array().map(Vec::len), Some(1));
    let by_query = app.get(&format!("{path}?limit=1")).await.ok();
    assert_eq!(by_query, json!([all[0]]));
}

#[tokio::test]
async fn an_old_checkpoint_is_read_and_an_unknown_one_is_empty() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.say(&thread, "one").await;
    let first = app.state(&thread).await;
    app.say(&thread, "two").await;
    let id = first["checkpoint_id"].as_str().expect("an id");
    let old = app.get(&format!("/threads/{thread}/state/{id}")).await.ok();
    assert_eq!(old["values"], first["values"]);
    let some = uuid::Uuid::now_v7();
    let unknown = app
        .get(&format!("/threads/{thread}/state/{some}"))
        .await
        .ok();
    assert_eq!(unknown["values"], json!({}));
    assert_eq!(unknown["checkpoint"]["checkpoint_id"], json!(some));
    let selected = app
        .get(&format!(
            "/threads/{thread}/state?select=values.log&select=next"
        ))
        .await;
    assert_eq!(
        selected.ok(),
        json!({"values": {"log": ["agent", "gate", "agent", "gate"]}, "next": []})
    );
}

#[tokio::test]
async fn an_update_is_written_as_a_node_would_and_forks_from_old_checkpoints() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/state");
    let early = app.post(&path, json!({"values": {"log": ["x"]}})).await;
    assert_eq!(early.status, StatusCode::BAD_REQUEST);
    app.say(&thread, "one").await;
    let first = app.state(&thread).await;
    app.say(&thread, "two").await;
    let update = json!({"values": input("as agent"), "as_node": "agent"});
    let updated = app.post(&path, update).await.ok();
    let state = app.state(&thread).await;
    assert_eq!(state["checkpoint_id"], updated["checkpoint_id"]);
    assert_eq!(updated["configurable"], updated["checkpoint"]);
    assert_eq!(state["next"], json!(["gate"]));
    assert_eq!(state["metadata"]["source"], "update");
    let fork = json!({"values": {"log": ["forked"]}, "checkpoint": first["checkpoint"], "as_node": "gate"});
    app.post(&path, fork).await.ok();
    let forked = app.state(&thread).await;
    assert_eq!(forked["parent_checkpoint_id"], first["checkpoint_id"]);
    assert_eq!(forked["values"]["log"], json!(["agent", "gate", "forked"]));
    let unknown = app
        .post(&path, json!({"values": {"nope": 1}, "as_node": "gate"}))
        .await;
    unknown.ok();
    let no_node = app
        .post(&path, json!({"values": {}, "as_node": "none"}))
        .await;
    assert_eq!(no_node.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_thread_is_not_updated_under_a_run() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.begin(&thread, said("hold a")).await;
    app.holds.reached("a").await;
    let update = json!({"values": {"log": ["x"]}, "as_node": "gate"});
    let refused = app.post(&format!("/threads/{thread}/state"), update).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    app.holds.free("a");
}

#[tokio::test]
async fn whoever_has_read_the_end_of_a_run_may_write_at_once() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}");
    let update = json!({"values": {"log": ["x"]}, "as_node": "gate"});
    // The events of a resumable run are kept beside it: that takes longer than the run itself.
    for way in [json!({}), json!({"stream_resumable": true})] {
        let asked = with(said("one"), way);
        let start = format!("{path}/runs/stream");
        let stream = app.stream(&start, asked.clone()).await;
        assert_eq!(stream.all().await.last().expect("an end").name, "end");
        app.post(&format!("{path}/state"), update.clone())
            .await
            .ok();
        app.post(&format!("{path}/runs/wait"), asked).await.ok();
        app.post(&format!("{path}/state"), update.clone())
            .await
            .ok();
    }
}

#[tokio::test]
async fn a_run_from_an_old_checkpoint_begins_a_branch() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.say(&thread, "one").await;
    let first = app.state(&thread).await;
    app.say(&thread, "two").await;
    let again = with(
        said("second"),
        json!({"checkpoint_id": first["checkpoint_id"]}),
    );
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), again)
        .await
        .ok();
    assert_eq!(
        texts(&values),
        ["one", "echo: one", "second", "echo: second"]
    );
    let history = app
        .post(&format!("/threads/{thread}/history"), json!({"limit": 100}))
        .await
        .ok();
    let of_first = |state: &&Value| state["parent_checkpoint_id"] == first["checkpoint_id"];
    assert_eq!(
        history
            .as_array()
            .expect("states")
            .iter()
            .filter(of_first)
            .count(),
        2
    );
}

#[tokio::test]
async fn a_subgraph_is_a_pointer_until_its_state_is_asked_for() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let body = json!({"assistant_id": "parent", "input": input("please approve")});
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), body)
        .await
        .ok();
    assert_eq!(
        values["__interrupt__"][0]["value"]["question"],
        "ok to finish?"
    );
    let task = app.state(&thread).await["tasks"][0].clone();
    assert_eq!(task["name"], "child");
    assert_eq!(task["state"], Value::Null);
    let ns = task["checkpoint"]["configurable"]["checkpoint_ns"]
        .as_str()
        .expect("a namespace")
        .to_owned();
    let whole = app
        .get(&format!("/threads/{thread}/state?subgraphs=true"))
        .await
        .ok();
    let inside = &whole["tasks"][0]["state"];
    assert_eq!(inside["next"], json!(["gate"]));
    assert_eq!(inside["checkpoint"]["checkpoint_ns"], json!(ns));
    let lookup = json!({"checkpoint": {"checkpoint_ns": ns}});
    let direct = app
        .post(&format!("/threads/{thread}/state/checkpoint"), lookup)
        .await
        .ok();
    assert_eq!(direct["values"], inside["values"]);
}

#[tokio::test]
async fn the_first_thing_said_is_said_anew() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.say(&thread, "first").await;
    let path = format!("/threads/{thread}/history");
    let history = app.post(&path, json!({"limit": 100})).await.ok();
    let history = history.as_array().expect("states");
    // As the clients do it: the oldest state with the message, and its parent.
    let seen = history
        .iter()
        .rfind(|state| state["values"]["messages"].is_array());
    let parent = &seen.expect("a state")["parent_checkpoint"];
    assert_eq!(
        history.last().expect("the beginning")["checkpoint"],
        *parent
    );
    let id = parent["checkpoint_id"].as_str().expect("an id");
    let before = app.get(&format!("/threads/{thread}/state/{id}")).await.ok();
    assert_eq!(before["values"], json!({}));
    assert_eq!(before["next"], json!(["__start__"]));
    let edited = with(said("edited"), json!({"checkpoint": parent}));
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), edited)
        .await
        .ok();
    assert_eq!(texts(&values), ["edited", "echo: edited"]);
    let again = with(said("second"), json!({"input": null, "checkpoint": parent}));
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), again)
        .await
        .ok();
    assert_eq!(texts(&values), ["first", "echo: first"]);
    let history = app.post(&path, json!({"limit": 100})).await.ok();
    let roots = history.as_array().expect("states").iter();
    assert_eq!(
        roots
            .filter(|state| state["parent_checkpoint"].is_null())
            .count(),
        2
    );
}
