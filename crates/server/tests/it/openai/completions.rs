//! Chat completions and models.

use reqwest::Method;
use serde_json::{Value, json};

use super::{events, message, refused, said, transcript};
use crate::app::{LIMIT, TestApp, with};

const PATH: &str = "/v1/chat/completions";

/// Asks in a conversation; gives the reply.
async fn ask(app: &TestApp, conversation: &str, messages: Value) -> String {
    let body = json!({"messages": messages, "metadata": {"conversation_id": conversation}});
    let reply = app.post(PATH, body).await.ok();
    let content = &reply["choices"][0]["message"]["content"];
    content.as_str().expect("text").to_owned()
}

/// Waits until so many conversations are there: what is not kept goes when its run has ended, after the reply.
async fn are_left(app: &TestApp, count: usize) {
    let left = async {
        loop {
            let list = app.get("/v1/conversations").await.ok();
            if list["data"].as_array().map(Vec::len) == Some(count) {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, left)
        .await
        .expect("the others go");
}

#[tokio::test]
async fn a_completion_is_answered_whole() {
    let app = TestApp::new().await;
    let body = json!({"model": "scripted:echo", "messages": [message("user", "hi")]});
    let answer = app.post(PATH, body).await;
    let reply = answer.ok();
    assert_eq!(reply["object"], "chat.completion");
    assert_eq!(reply["model"], "scripted:echo");
    let choice = &reply["choices"][0];
    assert_eq!(choice["finish_reason"], "stop");
    let text = choice["message"]["content"].as_str().expect("text");
    assert!(text.starts_with("You said: hi"), "{text}");
    assert!(answer.header("content-location").is_none());
    // Nothing names a conversation: nothing is kept.
    are_left(&app, 0).await;
}

#[tokio::test]
async fn a_completion_is_streamed() {
    let app = TestApp::new().await;
    let body = json!({
        "messages": [message("user", "a")],
        "model": "scripted:slow",
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    let all = events(&app, Method::POST, PATH, body).await;
    assert_eq!(all[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(all.last(), Some(&json!("[DONE]")));
    let chunks = &all[..all.len() - 1];
    let (usage, chunks) = chunks.split_last().expect("chunks");
    assert_eq!(usage["choices"], json!([]));
    let (end, chunks) = chunks.split_last().expect("chunks");
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert!(text.starts_with("You said: a a"), "{text}");
    assert!(chunks.len() > 50, "piece by piece");
    assert!(chunks.iter().all(|chunk| chunk["id"] == all[0]["id"]));
}

#[tokio::test]
async fn a_whole_history_adds_its_tail_and_a_new_message_is_added_too() {
    let app = TestApp::new().await;
    let first = ask(&app, "talk", json!([message("user", "one")])).await;
    let history = json!([
        message("system", "Be kind."),
        message("user", "one"),
        message("assistant", &first),
        message("user", "two"),
    ]);
    let second = ask(&app, "talk", history).await;
    assert!(second.starts_with("You said: two"));
    ask(&app, "talk", json!([message("user", "three")])).await;
    assert_eq!(said(&app, "talk").await, ["one", "two", "three"]);
    assert_eq!(transcript(&app, "talk").await.len(), 6);
    // The other clients see it, and go on with it.
    app.post(
        "/threads/talk/runs/wait",
        json!({"assistant_id": "chat", "input": {"messages": [message("user", "four")]}}),
    )
    .await
    .ok();
    ask(&app, "talk", json!([message("user", "five")])).await;
    assert_eq!(
        said(&app, "talk").await,
        ["one", "two", "three", "four", "five"]
    );
}

#[tokio::test]
async fn an_edited_history_makes_a_fork_and_loses_nothing() {
    let app = TestApp::new().await;
    let mut history = Vec::new();
    for text in ["one", "two", "three", "four"] {
        history.push(message("user", text));
        let reply = ask(&app, "talk", json!(history)).await;
        history.push(message("assistant", &reply));
    }
    // The second question is another one now.
    let mut edited = history[..2].to_vec();
    edited.push(message("user", "zwei"));
    ask(&app, "talk", json!(edited)).await;
    assert_eq!(said(&app, "talk").await, ["one", "zwei"]);
    // Another reply to the first question.
    ask(&app, "talk", json!(&history[..3])).await;
    assert_eq!(said(&app, "talk").await, ["one", "two"]);
    let found = app.get("/api/search?q=four").await.ok();
    assert!(found["hits"].is_array(), "{found}");
    let states = app.get("/threads/talk/history?limit=100").await.ok();
    let all = states.as_array().expect("states");
    let longest = all
        .iter()
        .filter_map(|state| state["values"]["messages"].as_array())
        .map(Vec::len)
        .max();
    assert_eq!(longest, Some(8));
    // The very first one is another one: the rest is said again upon it.
    let mut edited = history.clone();
    edited[0] = message("user", "eins");
    edited.truncate(3);
    ask(&app, "talk", json!(edited)).await;
    assert_eq!(said(&app, "talk").await, ["eins", "two"]);
}

#[tokio::test]
async fn conversations_are_named_in_four_ways() {
    let app = TestApp::new().await;
    let hello = || json!({"messages": [message("user", "hello")]});
    for header in ["x-everthread-conversation", "x-openwebui-chat-id"] {
        let request = app.request(Method::POST, PATH).header(header, header);
        app.send(request.json(&hello())).await.ok();
    }
    app.post(PATH, with(hello(), json!({"user": "by-user"})))
        .await
        .ok();
    let metadata = json!({"metadata": {"chat_id": "by-metadata"}});
    let answer = app.post(PATH, with(hello(), metadata)).await;
    let place = answer.header("content-location").expect("a place");
    assert!(place.starts_with("/threads/by-metadata/runs/"), "{place}");
    for thread in [
        "x-everthread-conversation",
        "x-openwebui-chat-id",
        "by-user",
        "by-metadata",
    ] {
        assert_eq!(said(&app, thread).await, ["hello"], "{thread}");
    }
}

#[tokio::test]
async fn side_jobs_stay_out_of_memory() {
    let app = TestApp::new().await;
    ask(&app, "talk", json!([message("user", "one")])).await;
    let title = "### Task:\nGenerate a title.\n### Chat History:\n<chat_history>\nUSER: one\n</chat_history>";
    let reply = ask(&app, "talk", json!([message("user", title)])).await;
    assert!(reply.starts_with("You said: ### Task:"));
    let request = app
        .request(Method::POST, PATH)
        .header("x-everthread-task", "tags");
    let body = json!({"messages": [message("user", "tags?")], "user": "talk"});
    app.send(request.json(&body)).await.ok();
    assert_eq!(said(&app, "talk").await, ["one"]);
    are_left(&app, 1).await;
}

#[tokio::test]
async fn a_question_that_failed_is_answered_when_it_is_asked_again() {
    let app = TestApp::new().await;
    let body =
        json!({"messages": [message("user", "one")], "user": "talk", "model": "scripted:fail"});
    let failed = app.post(PATH, body.clone()).await;
    let error = refused(&failed, 502, "run_failed");
    assert_eq!(error["type"], "server_error");
    assert_eq!(failed.header("x-should-retry"), Some("false"));
    assert_eq!(said(&app, "talk").await, ["one"]);
    app.post(PATH, with(body, json!({"model": null})))
        .await
        .ok();
    assert_eq!(transcript(&app, "talk").await.len(), 2);
    let body = json!({"messages": [message("user", "two")], "user": "talk", "stream": true, "model": "scripted:fail-midway"});
    let all = events(&app, Method::POST, PATH, body).await;
    assert_eq!(all.last().expect("an end")["error"]["code"], "run_failed");
}

#[tokio::test]
async fn a_busy_conversation_is_refused_for_good() {
    let app = TestApp::new().await;
    let hang = json!({"messages": [message("user", "one")], "user": "talk", "model": "scripted:hang", "stream": true});
    let open = app
        .request(Method::POST, PATH)
        .json(&hang)
        .send()
        .await
        .expect("a stream");
    let body = json!({"messages": [message("user", "two")], "user": "talk"});
    let busy = app.post(PATH, body.clone()).await;
    refused(&busy, 409, "thread_busy");
    assert_eq!(busy.header("x-should-retry"), Some("false"));
    // Whoever closes the connection stops the reply.
    drop(open);
    let free = async { while app.get("/threads/talk").await.ok()["status"] == "busy" {} };
    let free = tokio::time::timeout(LIMIT, free).await;
    free.expect("the reply is stopped");
    app.post(PATH, body).await.ok();
    assert_eq!(said(&app, "talk").await, ["one", "two"]);
}

#[tokio::test]
async fn tools_go_through_to_models_that_call_them() {
    let app = TestApp::new().await;
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}});
    let body = json!({"model": "scripted:tools", "messages": [message("user", "Oslo?")], "tools": [tool], "user": "talk"});
    let reply = app.post(PATH, body.clone()).await.ok();
    let choice = &reply["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let calls = &choice["message"]["tool_calls"];
    assert_eq!(calls[0]["function"]["name"], "weather");
    let history = json!([
        message("user", "Oslo?"),
        {"role": "assistant", "content": null, "tool_calls": calls},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": "rain"},
    ]);
    let reply = app
        .post(PATH, with(body.clone(), json!({"messages": history})))
        .await
        .ok();
    let text = reply["choices"][0]["message"]["content"]
        .as_str()
        .expect("text");
    assert!(text.starts_with("You said: rain"), "{text}");
    assert_eq!(transcript(&app, "talk").await.len(), 4);

    let streamed = with(body.clone(), json!({"stream": true, "user": "other"}));
    let all = events(&app, Method::POST, PATH, streamed).await;
    let call = &all[1]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!(
        (&call["index"], &call["function"]["name"]),
        (&json!(0), &json!("weather"))
    );

    let refusing = app
        .post(PATH, with(body, json!({"model": "scripted:echo"})))
        .await;
    let error = refused(&refusing, 400, "tools_unsupported");
    assert_eq!(error["param"], "tools");
}

#[tokio::test]
async fn what_is_not_done_here_is_refused() {
    let app = TestApp::new().await;
    let hello = || json!({"messages": [message("user", "hello")]});
    for (more, param) in [
        (json!({"n": 2}), "n"),
        (json!({"stop": ["x"]}), "stop"),
        (json!({"temperature": 3}), "temperature"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (
            json!({"response_format": {"type": "json_object"}}),
            "response_format",
        ),
        (json!({"metadata": {"a": 1}}), "metadata"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": [message("system", "x")]}), "messages"),
    ] {
        let refusing = app.post(PATH, with(hello(), more)).await;
        assert_eq!(refused(&refusing, 400, "bad_request")["param"], param);
    }
    let unknown = app
        .post(PATH, with(hello(), json!({"model": "gpt-9"})))
        .await;
    refused(&unknown, 404, "model_not_found");
    let unread = app.send(app.request(Method::POST, PATH).body("{")).await;
    refused(&unread, 400, "invalid_json");
    refused(&app.get("/v1/nothing").await, 404, "no_route");
}

#[tokio::test]
async fn models_are_listed_with_assistants() {
    let app = TestApp::new().await;
    let made = json!({"graph_id": "chat", "name": "Poet", "context": {"system": "Rhyme."}});
    app.post("/assistants", made).await.ok();
    let list = app.get("/v1/models").await.ok();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .expect("models")
        .iter()
        .filter_map(|model| model["id"].as_str())
        .collect();
    assert_eq!(ids.first(), Some(&"scripted:echo"));
    assert_eq!(ids.last(), Some(&"Poet"));
    assert_eq!(app.get("/v1/models/Poet").await.ok()["id"], "Poet");
    refused(&app.get("/v1/models/x").await, 404, "model_not_found");
    let body = json!({"model": "Poet", "messages": [message("user", "hi")], "user": "talk"});
    let reply = app.post(PATH, body).await.ok();
    assert_eq!(reply["model"], "Poet");
}
