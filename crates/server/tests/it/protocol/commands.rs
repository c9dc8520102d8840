//! Commands and their errors.

use serde_json::{Value, json};

use super::{command, data, done, follow, run, start};
use crate::app::{TestApp, input, texts};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn what_cannot_be_done_says_why() {
    let app = TestApp::new().await;
    for (method, params, code, said) in [
        (
            "nope",
            json!({}),
            "unknown_command",
            "Unknown protocol command: nope",
        ),
        (
            "run.start",
            json!({}),
            "invalid_argument",
            "run.start requires an assistant_id.",
        ),
        ("run.start", json!([]), "invalid_argument", "run.start"),
        (
            "run.start",
            json!({"assistant_id": "none", "input": {}}),
            "unknown_error",
            "none",
        ),
        (
            "run.start",
            json!({"assistant_id": "agent", "input": input("x"), "config": "x"}),
            "invalid_argument",
            "run.start",
        ),
        (
            "run.start",
            json!({"assistant_id": "agent", "input": input("x"), "multitaskStrategy": "x"}),
            "invalid_argument",
            "run.start",
        ),
        (
            "run.start",
            json!({"assistant_id": "agent", "input": "text"}),
            "invalid_argument",
            "",
        ),
        ("agent.getTree", json!({}), "no_such_run", "No active run"),
        (
            "input.respond",
            json!({"namespace": [], "interrupt_id": "x", "response": 1}),
            "no_such_interrupt",
            "Unknown or already-consumed interrupt: x",
        ),
        (
            "input.respond",
            json!({}),
            "invalid_argument",
            "requires an interrupt_id",
        ),
        (
            "input.respond",
            json!({"responses": []}),
            "invalid_argument",
            "at least one response",
        ),
        ("input.inject", json!({}), "unknown_command", "input.inject"),
        (
            "state.get",
            json!({"namespace": ["a:1"]}),
            "no_such_namespace",
            "a:1",
        ),
        (
            "state.fork",
            json!({"checkpoint_id": "x"}),
            "no_such_checkpoint",
            "x",
        ),
        ("state.fork", json!({}), "invalid_argument", "checkpoint_id"),
        (
            "subscription.subscribe",
            json!({"channels": ["bogus"]}),
            "invalid_argument",
            "bogus",
        ),
        (
            "subscription.unsubscribe",
            json!({"subscription_id": "x"}),
            "no_such_subscription",
            "Unknown subscription: x",
        ),
        (
            "subscription.reconnect",
            json!({"run_id": "x"}),
            "no_such_run",
            "No active run",
        ),
    ] {
        let answer = command(&app, "new", method, params).await;
        assert_eq!(answer["type"], "error", "{method}: {answer}");
        assert_eq!(answer["error"], code, "{method}: {answer}");
        let message = answer["message"].as_str().expect("text");
        assert!(message.contains(said), "{method}: {message}");
    }
    assert_eq!(app.get("/threads/new").await.status.as_u16(), 404);
}

#[tokio::test]
async fn what_is_no_command_is_refused_with_400() {
    let app = TestApp::new().await;
    let path = "/threads/new/commands";
    let refused = app.post(path, json!({"method": "run.start"})).await;
    assert_eq!(refused.status.as_u16(), 400);
    let body = refused.json();
    assert_eq!(
        (&body["type"], &body["id"]),
        (&json!("error"), &Value::Null)
    );
    assert_eq!(body["error"], "invalid_argument");
    let request = app.request(reqwest::Method::POST, path).body("{no json");
    let refused = app.send(request).await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text);
    assert_eq!(
        refused.json()["message"],
        "Protocol commands must be valid JSON."
    );
}

#[tokio::test]
async fn a_turn_begins_its_thread_and_says_where_it_is() {
    let app = TestApp::new().await;
    let body = json!({"id": 1, "method": "run.start", "params": {"assistant_id": "agent", "input": input("hi")}});
    let answer = app.post("/threads/new/commands", body).await;
    let run = answer.ok()["result"]["run_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let place = format!("/threads/new/runs/{run}");
    assert_eq!(answer.header("content-location"), Some(place.as_str()));
    let joined = app.get(&format!("{place}/join")).await.ok();
    assert_eq!(texts(&joined), ["hi", "echo: hi"]);
    let thread = app.get("/threads/new").await.ok();
    assert_eq!(thread["metadata"]["graph_id"], "agent");
    let got = done(&command(&app, "new", "state.get", json!({"keys": ["log"]})).await);
    assert_eq!(got["values"], json!({"log": ["agent", "gate"]}));
    let listed = done(&command(&app, "new", "state.listCheckpoints", json!({"limit": 2})).await);
    let listed = listed["checkpoints"].as_array().expect("a list").clone();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["id"], got["checkpoint"]["id"]);
}

#[tokio::test]
async fn an_answer_lets_the_thread_go_on_once() {
    let app = TestApp::new().await;
    let mut events = follow(&app, "t", json!({"channels": ["lifecycle", "input"]})).await;
    start(&app, "t", "agent", "please approve").await;
    let asked = run(&mut events).await;
    let question = &data(&asked, "input.requested")[0];
    assert_eq!(question["payload"], json!({"question": "ok to finish?"}));
    assert_eq!(question["value"], question["payload"]);
    assert_eq!(data(&asked, "lifecycle")[1]["event"], "interrupted");
    let id = &question["interrupt_id"];
    let params = json!({"namespace": [], "interrupt_id": id, "response": "yes"});
    done(&command(&app, "t", "input.respond", params.clone()).await);
    let answered = run(&mut events).await;
    assert_eq!(
        data(&answered, "input.answered"),
        [json!({"interrupt_ids": [id]})]
    );
    assert_eq!(data(&answered, "lifecycle")[1]["event"], "completed");
    let state = app.state("t").await;
    assert_eq!(state["values"]["log"], json!(["agent", "gate:yes"]));
    let again = command(&app, "t", "input.respond", params).await;
    assert_eq!(again["error"], "no_such_interrupt");
}

#[tokio::test]
async fn an_input_answers_what_the_thread_waits_with() {
    let app = TestApp::new().await;
    let mut events = follow(&app, "t", json!({"channels": ["lifecycle"]})).await;
    start(&app, "t", "agent", "please approve").await;
    run(&mut events).await;
    let params = json!({"assistant_id": "agent", "input": "no"});
    done(&command(&app, "t", "run.start", params).await);
    run(&mut events).await;
    let state = app.state("t").await;
    assert_eq!(state["values"]["log"], json!(["agent", "gate:no"]));
}

#[tokio::test]
async fn after_a_stop_an_input_is_a_turn_of_its_own() {
    let app = TestApp::new().await;
    let mut events = follow(&app, "t", json!({"channels": ["lifecycle"]})).await;
    let first = start(&app, "t", "agent", "hold a").await;
    app.holds.reached("a").await;
    app.post(&format!("/threads/t/runs/{first}/cancel"), Value::Null)
        .await;
    let stopped = run(&mut events).await;
    assert_eq!(data(&stopped, "lifecycle")[1]["event"], "interrupted");
    start(&app, "t", "agent", "next").await;
    let next = run(&mut events).await;
    assert_eq!(data(&next, "lifecycle")[1]["event"], "completed");
    assert_eq!(
        texts(&app.state("t").await["values"]),
        ["hold a", "next", "echo: next"]
    );
}

#[tokio::test]
async fn a_run_shows_its_graphs_while_it_is_active() {
    let app = TestApp::new().await;
    let run_id = start(&app, "t", "parent", "hold a").await;
    app.holds.reached("a").await;
    let tree = done(&command(&app, "t", "agent.getTree", json!({"run_id": run_id})).await);
    assert_eq!(tree["tree"]["graph_name"], "parent");
    assert_eq!(tree["tree"]["status"], "running");
    assert_eq!(tree["tree"]["children"][0]["graph_name"], "child");
    let other = command(&app, "t", "agent.getTree", json!({"run_id": "x"})).await;
    assert_eq!(other["error"], "no_such_run");
    app.holds.free("a");
}

#[tokio::test]
async fn an_earlier_turn_is_said_otherwise_from_its_parent() {
    let app = TestApp::new().await;
    let mut events = follow(&app, "t", json!({"channels": ["lifecycle", "checkpoints"]})).await;
    start(&app, "t", "agent", "first").await;
    run(&mut events).await;
    start(&app, "t", "agent", "second").await;
    let second = run(&mut events).await;
    let parent = &data(&second, "checkpoints")[0]["parent_id"];
    let params = json!({
        "assistant_id": "agent",
        "input": input("edited"),
        "config": {"configurable": {"checkpoint_id": parent}},
    });
    done(&command(&app, "t", "run.start", params).await);
    run(&mut events).await;
    let said = texts(&app.state("t").await["values"]);
    assert_eq!(said, ["first", "echo: first", "edited", "echo: edited"]);
    let params = json!({"checkpoint_id": parent, "input": input("forked")});
    let forked = done(&command(&app, "t", "state.fork", params).await);
    assert_eq!(forked["thread_id"], "t");
    run(&mut events).await;
    let said = texts(&app.state("t").await["values"]);
    assert_eq!(said, ["first", "echo: first", "forked", "echo: forked"]);
}
