//! The events of a thread: what they are, how they are counted and chosen, and that they come again.

use everthread_server::Settings;
use serde_json::{Value, json};

use super::{ALL, command, data, done, follow, numbers, run, start};
use crate::app::{TestApp, said, settings, texts};
use crate::sse::names;

#[tokio::test]
async fn a_turn_is_told_from_its_begin_to_its_end() {
    let app = TestApp::new().await;
    let run_id = start(&app, "t", "agent", "hi").await;
    let mut events = follow(&app, "t", json!({"channels": ALL})).await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    let told = run(&mut events).await;
    let expected: Vec<u64> = (1..=told.len() as u64).collect();
    assert_eq!(numbers(&told), expected);
    for event in &told {
        assert_eq!(event.id, Some(event.data["seq"].to_string()));
        assert_eq!(event.data["type"], "event");
        assert_eq!(event.data["method"], event.name);
        assert!(event.data["params"]["timestamp"].is_i64());
        let id = event.data["event_id"].as_str().expect("an id");
        assert!(id.starts_with(&format!("synth:{run_id}:")), "{id}");
    }
    let first = &told[0].data["params"];
    assert_eq!(
        first["data"],
        json!({"event": "running", "graph_name": "agent"})
    );
    assert_eq!(names(&told)[1..3], ["checkpoints", "values"]);
    let spoken: Vec<Value> = data(&told, "messages");
    let kinds: Vec<&str> = spoken
        .iter()
        .filter_map(|data| data["event"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "message-start",
            "content-block-start",
            "content-block-delta",
            "content-block-delta",
            "content-block-finish",
            "message-finish"
        ]
    );
    assert_eq!(
        spoken[4]["content"],
        json!({"type": "text", "text": "echo: hi"})
    );
    let states = data(&told, "values");
    assert_eq!(texts(states.last().expect("a state")), ["hi", "echo: hi"]);
    let said = states.last().expect("a state")["messages"][1]["id"].clone();
    assert_eq!(
        said, spoken[0]["id"],
        "a message has one id, streamed or not"
    );
    assert_eq!(
        data(&told, "custom"),
        [json!({"payload": {"progress": "thinking"}})]
    );
    assert_eq!(
        data(&told, "updates")[1],
        json!({"node": "gate", "values": {"log": ["gate"]}})
    );
    let tasks: Vec<Value> = data(&told, "tasks");
    assert_eq!(
        tasks
            .iter()
            .filter(|task| task.get("result").is_some())
            .count(),
        2
    );
    assert_eq!(data(&told, "checkpoints").len(), states.len());
}

#[tokio::test]
async fn numbers_are_given_before_anything_is_filtered() {
    let app = TestApp::new().await;
    let mut all = follow(&app, "t", json!({"channels": ALL})).await;
    let mut some = follow(&app, "t", json!({"channels": ["lifecycle"]})).await;
    for text in ["first", "second"] {
        start(&app, "t", "agent", text).await;
        let (all, some) = (run(&mut all).await, run(&mut some).await);
        assert_eq!(names(&some), ["lifecycle", "lifecycle"]);
        let of: Vec<_> = all
            .iter()
            .filter(|event| event.name == "lifecycle")
            .cloned()
            .collect();
        assert_eq!(of, some);
        let ends = (numbers(&all)[0], *numbers(&all).last().expect("an end"));
        assert_eq!((numbers(&some)[0], numbers(&some)[1]), ends);
    }
}

#[tokio::test]
async fn who_comes_later_is_told_again_what_was_told_before() {
    let app = TestApp::new().await;
    let mut live = follow(&app, "t", json!({"channels": ALL})).await;
    let mut told = Vec::new();
    for text in ["first", "second"] {
        start(&app, "t", "agent", text).await;
        told.extend(run(&mut live).await);
    }
    let mut again = follow(&app, "t", json!({"channels": ALL})).await;
    let mut retold = run(&mut again).await;
    retold.extend(run(&mut again).await);
    assert_eq!(retold, told);
    let place = &told[5];
    let since = json!({"channels": ALL, "since": place.data["seq"]});
    let mut rest = follow(&app, "t", since).await;
    let mut after = run(&mut rest).await;
    after.extend(run(&mut rest).await);
    assert_eq!(after, told[6..]);
    let answer = command(&app, "t", "state.get", json!({})).await;
    let last = told.last().expect("an event").data["seq"].clone();
    assert_eq!(answer["meta"]["applied_through_seq"], last);
    // Whoever has seen more than there is goes on with what comes.
    let mut ahead = follow(&app, "t", json!({"channels": ALL, "since": 1_u64 << 40})).await;
    start(&app, "t", "agent", "third").await;
    assert_eq!(
        numbers(&run(&mut ahead).await)[0],
        last.as_u64().expect("a number") + 1
    );
}

#[tokio::test]
async fn who_comes_in_the_middle_misses_nothing() {
    let app = TestApp::new().await;
    start(&app, "t", "agent", "hold a").await;
    app.holds.reached("a").await;
    let mut events = follow(&app, "t", json!({"channels": ALL})).await;
    assert_eq!(numbers(&[events.next().await.expect("an event")]), [1]);
    app.holds.free("a");
    let rest = run(&mut events).await;
    let expected: Vec<u64> = (2..2 + rest.len() as u64).collect();
    assert_eq!(numbers(&rest), expected);
}

#[tokio::test]
async fn a_subgraph_has_a_namespace_and_a_life_of_its_own() {
    let app = TestApp::new().await;
    let mut events = follow(&app, "t", json!({"channels": ALL})).await;
    start(&app, "t", "parent", "please approve").await;
    let told = run(&mut events).await;
    let space = |event: &crate::sse::Event| event.data["params"]["namespace"].clone();
    let started = told
        .iter()
        .find(|event| event.data["params"]["data"]["event"] == "started");
    let started = started.expect("a subgraph");
    let inside = space(started);
    let part = inside[0].as_str().expect("text");
    let (node, task) = part.split_once(':').expect("a task");
    assert_eq!(node, "child");
    assert_eq!(started.data["params"]["data"]["graph_name"], "child");
    assert_eq!(started.data["params"]["data"]["trigger_call_id"], task);
    let first_inside = told.iter().find(|event| space(event) == inside);
    assert_eq!(
        first_inside,
        Some(started),
        "it begins before anything of it is told"
    );
    let asked: Vec<_> = told
        .iter()
        .filter(|event| event.name == "input.requested")
        .collect();
    assert_eq!(asked.len(), 1, "a question is asked once");
    assert_eq!(space(asked[0]), inside);
    let lives: Vec<Value> = told
        .iter()
        .filter(|event| event.name == "lifecycle" && space(event) == inside)
        .map(|event| event.data["params"]["data"]["event"].clone())
        .collect();
    assert_eq!(lives, ["started", "interrupted"]);

    let below = json!({"channels": ALL, "namespaces": [["child"]]});
    let mut child = follow(&app, "t", below).await;
    let expected: Vec<_> = told
        .iter()
        .filter(|event| space(event) == inside)
        .cloned()
        .collect();
    for event in expected {
        assert_eq!(child.next().await, Some(event));
    }
    let root = json!({"channels": ["values", "lifecycle"], "namespaces": [[]], "depth": 0});
    let root = run(&mut follow(&app, "t", root).await).await;
    assert!(root.iter().all(|event| space(event) == json!([])));

    let params = json!({
        "responses": [{"namespace": inside, "interrupt_id": asked[0].data["params"]["data"]["interrupt_id"], "response": "yes"}],
    });
    done(&command(&app, "t", "input.respond", params).await);
    let told = run(&mut events).await;
    let lives: Vec<Value> = data(&told, "lifecycle")
        .iter()
        .map(|data| data["event"].clone())
        .collect();
    assert_eq!(lives, ["running", "started", "completed", "completed"]);
}

#[tokio::test]
async fn a_run_that_fails_says_why() {
    let app = TestApp::new().await;
    start(&app, "t", "agent", "boom").await;
    let told = run(&mut follow(&app, "t", json!({"channels": ["lifecycle"]})).await).await;
    let end = &data(&told, "lifecycle")[1];
    assert_eq!(end["event"], "failed");
    assert!(
        end["error"]
            .as_str()
            .expect("text")
            .contains("scripted failure"),
        "{end}"
    );
}

#[tokio::test]
async fn runs_of_the_first_generation_are_told_to_who_follows() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let mut events = follow(&app, &thread, json!({"channels": ALL})).await;
    app.say(&thread, "by the other way").await;
    let told = run(&mut events).await;
    assert!(
        data(&told, "messages")
            .iter()
            .any(|data| data["event"] == "message-start")
    );
    let late = app.thread().await;
    let waits = app.begin(&late, said("hold a")).await;
    app.holds.reached("a").await;
    let mut events = follow(&app, &late, json!({"channels": ["lifecycle", "values"]})).await;
    app.holds.free("a");
    let told = run(&mut events).await;
    let first = told[0].data["event_id"].as_str().expect("an id");
    assert!(first.contains(&waits), "{first}");
    assert_eq!(data(&told, "lifecycle")[0]["event"], "running");
    let last = data(&told, "values").pop().expect("a state");
    assert_eq!(texts(&last), ["hold a", "echo: hold a"]);
}

#[tokio::test]
async fn one_run_is_told_after_the_other() {
    let app = TestApp::new().await;
    let mut events = follow(&app, "t", json!({"channels": ["lifecycle"]})).await;
    let first = start(&app, "t", "agent", "hold a").await;
    app.holds.reached("a").await;
    let params = json!({
        "assistant_id": "agent", "input": crate::app::input("instead"), "multitask_strategy": "interrupt",
    });
    let second = done(&command(&app, "t", "run.start", params).await);
    for id in [first.as_str(), second["run_id"].as_str().expect("an id")] {
        for event in run(&mut events).await {
            let of = event.data["event_id"].as_str().expect("an id");
            assert!(of.contains(id), "{of} is not of {id}");
        }
    }
}

#[tokio::test]
async fn a_stream_is_kept_alive_and_refuses_what_is_no_filter() {
    let settings = Settings {
        heartbeat: std::time::Duration::from_millis(20),
        ..settings()
    };
    let app = TestApp::with(settings).await;
    start(&app, "t", "agent", "hold a").await;
    let mut events = follow(&app, "t", json!({"channels": ["lifecycle"]})).await;
    events.next().await.expect("the begin");
    app.holds.reached("a").await;
    let reading = tokio::spawn(async move { (run(&mut events).await, events) });
    // The run is let go only when others have been served for some beats.
    for _ in 0..20 {
        app.get("/ok").await.ok();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    app.holds.free("a");
    let (_, events) = reading.await.expect("read");
    assert!(events.heartbeats > 0);
    let path = "/threads/t/stream/events";
    let refused = app.post(path, json!({"channels": ["bogus"]})).await;
    assert_eq!(refused.status.as_u16(), 400);
    assert!(
        refused.json()["detail"]
            .as_str()
            .expect("text")
            .contains("bogus")
    );
    let plain = app.get(path).await;
    assert_eq!(
        (plain.status.as_u16(), &plain.json()["code"]),
        (400, &json!("bad_request"))
    );
}
