//! Making runs, and what is streamed of them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{TestApp, input, said, texts, with};
use crate::sse::names;

fn stream_path(thread: &str) -> String {
    format!("/threads/{thread}/runs/stream")
}

#[tokio::test]
async fn two_modes_are_streamed_in_the_references_order() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let body = with(
        said("hi there"),
        json!({"stream_mode": ["values", "updates"]}),
    );
    let events = app.stream(&stream_path(&thread), body).await;
    assert_eq!(events.status(), StatusCode::OK);
    assert_eq!(events.header("content-type"), "text/event-stream");
    assert_eq!(events.header("cache-control"), "no-store");
    assert_eq!(events.header("x-accel-buffering"), "no");
    let run = events.run();
    let place = format!("/threads/{thread}/runs/{run}");
    assert_eq!(events.header("content-location"), place);
    assert_eq!(events.header("location"), format!("{place}/stream"));
    let events = events.all().await;
    assert_eq!(
        names(&events),
        [
            "metadata", "values", "updates", "values", "updates", "values", "end"
        ]
    );
    assert_eq!(events[0].data, json!({"run_id": run, "attempt": 1}));
    assert_eq!(texts(&events[1].data), ["hi there"]);
    assert_eq!(
        events[2].data["agent"]["messages"][0]["content"],
        "echo: hi there"
    );
    assert_eq!(events[4].data, json!({"gate": {"log": ["gate"]}}));
    assert_eq!(texts(&events[5].data), ["hi there", "echo: hi there"]);
    assert!(events.iter().all(|event| event.id.is_none()));
    // The row is final before the stream ends.
    let row = app.get(&place).await.ok();
    assert_eq!(row["status"], "success");
    assert_eq!(row["kwargs"]["input"], input("hi there"));
    assert_eq!(row["kwargs"]["stream_mode"], json!(["values", "updates"]));
    assert_eq!(row["metadata"]["graph_id"], "agent");
}

#[tokio::test]
async fn a_message_has_one_id_in_every_mode() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let modes = json!({"stream_mode": ["messages-tuple", "messages", "values"]});
    let events = app
        .stream(&stream_path(&thread), with(said("hi"), modes))
        .await
        .all()
        .await;
    let last = events
        .iter()
        .rfind(|event| event.name == "values")
        .expect("values");
    let id = &last.data["messages"][1]["id"];
    let pieces: Vec<&Value> = events
        .iter()
        .filter(|e| e.name == "messages")
        .map(|e| &e.data)
        .collect();
    assert!(pieces.iter().all(|piece| piece[0]["id"] == *id));
    let said: String = pieces
        .iter()
        .map(|piece| piece[0]["content"].as_str().expect("text"))
        .collect();
    assert_eq!(said, "echo: hi");
    assert_eq!(pieces[0][1]["langgraph_node"], "agent");
    let partial = events
        .iter()
        .rfind(|event| event.name == "messages/partial")
        .expect("partial");
    assert_eq!(partial.data[0]["content"], "echo: hi");
    assert_eq!(partial.data[0]["type"], "ai");
}

#[tokio::test]
async fn every_mode_tells_something() {
    let app = TestApp::new().await;
    for (mode, shown) in [
        ("values", "values"),
        ("updates", "updates"),
        ("messages", "messages/partial"),
        ("messages-tuple", "messages"),
        ("custom", "custom"),
        ("tasks", "tasks"),
        ("checkpoints", "checkpoints"),
        ("debug", "debug"),
        ("events", "events"),
    ] {
        let thread = app.thread().await;
        let body = with(said("hi"), json!({"stream_mode": mode}));
        let events = app.stream(&stream_path(&thread), body).await.all().await;
        assert!(
            names(&events).contains(&shown),
            "{mode}: {:?}",
            names(&events)
        );
        let others = ["metadata", "end", shown, "messages/metadata"];
        assert!(
            events
                .iter()
                .all(|event| others.contains(&event.name.as_str())),
            "{mode}"
        );
    }
}

#[tokio::test]
async fn what_happens_inside_is_named_by_its_namespace() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let body = json!({"assistant_id": "parent", "input": input("hi"), "stream_subgraphs": true,
        "stream_mode": ["updates", "messages-tuple"]});
    let events = app.stream(&stream_path(&thread), body).await.all().await;
    let inside = events
        .iter()
        .filter(|event| event.name.starts_with("updates|child:"));
    assert_eq!(inside.count(), 2);
    assert!(
        events
            .iter()
            .any(|event| event.name.starts_with("messages|child:"))
    );
    assert!(
        events
            .iter()
            .any(|event| event.name == "updates" && event.data["child"].is_object())
    );
}

#[tokio::test]
async fn a_failure_is_told_and_the_input_stays() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let events = app.stream(&stream_path(&thread), said("boom")).await;
    let place = events.header("content-location").to_owned();
    let events = events.all().await;
    assert_eq!(names(&events), ["metadata", "values", "error", "end"]);
    let message = events[2].data["message"].as_str().expect("a message");
    assert!(message.contains("scripted failure"), "{message}");
    assert!(events[2].data["error"].is_string());
    assert_eq!(app.get(&place).await.ok()["status"], "error");
    let read = app.get(&format!("/threads/{thread}")).await.ok();
    assert_eq!(read["status"], "error");
    assert!(read["error"]["message"].is_string());
    assert_eq!(texts(&read["values"]), ["boom"]);
    let waited = app.say(&thread, "boom").await;
    assert!(waited["__error__"]["message"].is_string(), "{waited}");
}

#[tokio::test]
async fn a_question_stops_a_run_and_an_answer_goes_on() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let modes = json!({"stream_mode": ["values", "updates"]});
    let asks = with(said("please approve"), modes.clone());
    let events = app.stream(&stream_path(&thread), asks).await.all().await;
    let asked = &events[events.len() - 2];
    assert_eq!(asked.name, "values");
    let question = &asked.data["__interrupt__"][0];
    assert_eq!(question["value"], json!({"question": "ok to finish?"}));
    assert_eq!(events[events.len() - 3].data["__interrupt__"][0], *question);
    let read = app.get(&format!("/threads/{thread}")).await.ok();
    assert_eq!(read["status"], "interrupted");
    let interrupts = read["interrupts"].as_object().expect("interrupts");
    let (_, of_task) = interrupts.iter().next().expect("a task");
    assert_eq!(
        of_task[0],
        json!({"id": question["id"], "value": question["value"]})
    );
    let runs = app.get(&format!("/threads/{thread}/runs")).await.ok();
    assert_eq!(runs[0]["status"], "success");
    let id = question["id"].as_str().expect("an id");
    let resume =
        json!({"assistant_id": "agent", "command": {"resume": {id: "mapped"}, "goto": []}});
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), resume.clone())
        .await
        .ok();
    assert_eq!(values["log"], json!(["agent", "gate:mapped"]));
    assert_eq!(
        app.get(&format!("/threads/{thread}")).await.ok()["status"],
        "idle"
    );
    let again = app
        .post(&format!("/threads/{thread}/runs/wait"), resume)
        .await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_breakpoint_is_told_as_an_empty_question() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let body = with(
        said("hi"),
        json!({"stream_mode": "updates", "interrupt_before": ["gate"]}),
    );
    let events = app.stream(&stream_path(&thread), body).await.all().await;
    assert_eq!(names(&events), ["metadata", "updates", "updates", "end"]);
    assert_eq!(events[2].data, json!({"__interrupt__": []}));
    assert_eq!(app.state(&thread).await["next"], json!(["gate"]));
    assert_eq!(
        app.get(&format!("/threads/{thread}")).await.ok()["status"],
        "interrupted"
    );
    let on = app
        .post(
            &format!("/threads/{thread}/runs/wait"),
            json!({"assistant_id": "agent", "input": null}),
        )
        .await;
    assert_eq!(on.ok()["log"], json!(["agent", "gate"]));
}

#[tokio::test]
async fn a_command_writes_and_goes_somewhere() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.say(&thread, "hi").await;
    let body = json!({"assistant_id": "agent", "stream_mode": ["updates"],
        "command": {"update": {"log": ["cmd"]}, "goto": "gate"}});
    let events = app.stream(&stream_path(&thread), body).await.all().await;
    assert_eq!(events[1].data, json!({"gate": {"log": ["gate"]}}));
    assert_eq!(
        app.state(&thread).await["values"]["log"],
        json!(["agent", "gate", "cmd", "gate"])
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_before_a_run_exists() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = stream_path(&thread);
    for (body, status) in [
        (json!({"assistant_id": "none", "input": {}}), 422),
        (
            json!({"assistant_id": uuid::Uuid::now_v7(), "input": {}}),
            404,
        ),
        (json!({"input": {}}), 422),
        (with(said("x"), json!({"stream_mode": "bogus"})), 422),
        (with(said("x"), json!({"durability": "bogus"})), 422),
        (with(said("x"), json!({"multitask_strategy": "bogus"})), 422),
        (with(said("x"), json!({"webhook": "/relative"})), 422),
        (with(said("x"), json!({"interrupt_before": ["none"]})), 422),
        (with(said("x"), json!({"checkpoint_id": "x"})), 422),
        (
            json!({"assistant_id": "agent", "input": {"messages": 7}}),
            422,
        ),
        (json!({"assistant_id": "agent", "input": "text"}), 422),
    ] {
        let refused = app.post(&path, body.clone()).await;
        assert_eq!(refused.status.as_u16(), status, "{body}: {}", refused.text);
        assert!(refused.json()["detail"].is_string(), "{body}");
    }
    let absent = app.post(&stream_path("none"), said("x")).await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert_eq!(
        app.get(&format!("/threads/{thread}/runs")).await.ok(),
        json!([])
    );
    let created = with(
        said("x"),
        json!({"if_not_exists": "create", "unknown_field": 1}),
    );
    let events = app.stream(&stream_path("new"), created).await.all().await;
    assert_eq!(events.last().map(|event| event.name.as_str()), Some("end"));
    assert_eq!(
        app.get("/threads/new").await.ok()["metadata"]["graph_id"],
        "agent"
    );
}

#[tokio::test]
async fn a_background_run_is_joined_listed_and_deleted() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/runs");
    let begun = app
        .post(&path, with(said("bg"), json!({"metadata": {"m": 1}})))
        .await;
    let row = begun.ok();
    assert_eq!(row["status"], "pending");
    let run = row["run_id"].as_str().expect("an id");
    assert_eq!(
        begun.header("content-location"),
        Some(format!("{path}/{run}").as_str())
    );
    let joined = app.get(&format!("{path}/{run}/join")).await.ok();
    assert_eq!(texts(&joined), ["bg", "echo: bg"]);
    let again = app.get(&format!("{path}/{run}/join")).await.ok();
    assert_eq!(again, joined);
    let listed = app
        .get(&format!("{path}?limit=1&select=run_id&select=metadata"))
        .await
        .ok();
    assert_eq!(listed[0]["run_id"], json!(run));
    assert_eq!(listed[0]["metadata"]["m"], 1);
    assert_eq!(
        app.get(&format!("{path}?status=error")).await.ok(),
        json!([])
    );
    assert_eq!(
        app.delete(&format!("{path}/{run}")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        app.get(&format!("{path}/{run}")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        app.get(&format!("{path}/{run}/join")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        app.get(&format!("{path}/no-uuid")).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_run_may_be_put_off() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let later = app
        .begin(&thread, with(said("later"), json!({"after_seconds": 3600})))
        .await;
    let path = format!("/threads/{thread}/runs/{later}");
    assert_eq!(app.get(&path).await.ok()["status"], "pending");
    // Nobody waits behind it.
    assert_eq!(texts(&app.say(&thread, "now").await), ["now", "echo: now"]);
    assert_eq!(app.get(&path).await.ok()["status"], "pending");
    let soon = app
        .begin(&thread, with(said("soon"), json!({"after_seconds": 0.05})))
        .await;
    let joined = app
        .get(&format!("/threads/{thread}/runs/{soon}/join"))
        .await
        .ok();
    assert_eq!(
        texts(&joined).last().map(String::as_str),
        Some("echo: soon")
    );
}

#[tokio::test]
async fn the_built_in_chat_answers() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let body = json!({"assistant_id": "chat", "input": input("What is new?")});
    let values = app
        .post(&format!("/threads/{thread}/runs/wait"), body)
        .await
        .ok();
    assert!(texts(&values)[1].starts_with("You said: What is new?"));
}

#[tokio::test]
async fn an_input_that_says_nothing_is_refused() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/runs/wait");
    let lost = json!({"mesages": [{"role": "user", "content": "lost?"}]});
    for (assistant, input, named) in [
        ("chat", lost.clone(), "did you mean \\\"messages\\\""),
        ("agent", lost, "mesages"),
        ("chat", json!({}), "nothing is said"),
        ("review", json!({"messages": []}), "nothing is said"),
        (
            "chat",
            json!({"messages": [{"type": "remove", "id": "x"}]}),
            "nothing is said",
        ),
    ] {
        let body = json!({"assistant_id": assistant, "input": input});
        let refused = app.post(&path, body).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{input}: {}",
            refused.text
        );
        assert!(refused.text.contains(named), "{}", refused.text);
    }
    // A graph that calls this one hands over its whole state.
    let more = json!({"messages": [{"role": "user", "content": "hi"}], "of_the_caller": 1});
    let heard = app
        .post(&path, json!({"assistant_id": "chat", "input": more}))
        .await
        .ok();
    assert_eq!(heard["messages"].as_array().map(Vec::len), Some(2));
}
