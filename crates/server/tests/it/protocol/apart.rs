//! A thread of this name belongs to whoever speaks: nobody hears, answers or stops another's.

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;

use super::socket::{Socket, dial};
use super::{ALL, done, run};
use crate::app::input;
use crate::keyed::Keyed;
use crate::sse::Events;

async fn follow(keyed: &Keyed, key: &str) -> Events {
    let url = format!("{}/threads/anns-thread/stream/events", keyed.app.base);
    let request = keyed.app.client.request(Method::POST, url);
    let request = request
        .header("x-api-key", key)
        .json(&json!({"channels": ALL}));
    Events::of(request.send().await.expect("an answer"))
}

async fn command(keyed: &Keyed, key: &str, method: &str, params: Value) -> Value {
    let body = json!({"id": 1, "method": method, "params": params});
    let path = "/threads/anns-thread/commands";
    keyed.with(key, "POST", path, body).await.ok()
}

async fn say(keyed: &Keyed, key: &str, text: &str) {
    let params = json!({"assistant_id": "agent", "input": input(text)});
    done(&command(keyed, key, "run.start", params).await);
}

#[tokio::test]
async fn nobody_hears_another_users_thread() {
    let keyed = Keyed::new().await;
    let mut ann = follow(&keyed, &keyed.ann).await;
    let mut bob = follow(&keyed, &keyed.bob).await;
    let request = dial(&keyed.app, "anns-thread", &[("x-api-key", &keyed.bob)]);
    let mut socket = Socket::of(connect_async(request).await.expect("a socket").0);
    socket
        .ask("subscription.subscribe", json!({"channels": ALL}))
        .await;

    say(&keyed, &keyed.ann, "please approve xylophone").await;
    let hers = run(&mut ann).await;
    let question = &super::data(&hers, "input.requested")[0];
    let params = json!({"namespace": [], "interrupt_id": question["interrupt_id"], "response": "bob was here"});
    for answer in [
        command(&keyed, &keyed.bob, "input.respond", params.clone()).await,
        socket.ask("input.respond", params).await,
    ] {
        assert_eq!(answer["error"], "no_such_interrupt", "{answer}");
    }
    let tree = command(&keyed, &keyed.bob, "agent.getTree", json!({})).await;
    assert_eq!(tree["error"], "no_such_run");
    let state = command(&keyed, &keyed.bob, "state.get", json!({})).await;
    assert_eq!(state["result"], json!({"values": {}}));
    assert_eq!(state["meta"]["applied_through_seq"], 0);

    // What bob hears first is his own thread of the same name, from its first number on.
    say(&keyed, &keyed.bob, "hello").await;
    let his = run(&mut bob).await;
    assert_eq!(super::numbers(&his)[0], 1);
    let heard = socket.run().await;
    assert_eq!(heard[0]["seq"], 1);
    for text in [format!("{his:?}"), format!("{heard:?}")] {
        assert!(
            text.contains("hello") && !text.contains("xylophone"),
            "{text}"
        );
    }
    let path = "/threads/anns-thread/state";
    let state = keyed.with(&keyed.ann, "GET", path, Value::Null).await.ok();
    assert_eq!(state["interrupts"][0]["id"], question["interrupt_id"]);
}

#[tokio::test]
async fn a_socket_needs_a_key_that_counts_as_long_as_it_speaks() {
    let keyed = Keyed::new().await;
    for headers in [&[][..], &[("x-api-key", "nonsense")]] {
        let request = dial(&keyed.app, "t", headers);
        let refused = connect_async(request).await.expect_err("refused");
        assert!(refused.to_string().contains("401"), "{refused}");
    }
    let request = dial(&keyed.app, "t", &[("x-api-key", &keyed.ann)]);
    let mut socket = Socket::of(connect_async(request).await.expect("a socket").0);
    socket.ask("state.get", json!({})).await;
    let keys = keyed
        .with(&keyed.admin, "GET", "/api/keys", Value::Null)
        .await
        .ok();
    let keys = keys["keys"]
        .as_array()
        .or(keys.as_array())
        .expect("keys")
        .clone();
    let hers = keys.iter().find(|key| key["user"] == "ann").expect("ann's");
    let path = format!("/api/keys/{}", hers["key_id"].as_str().expect("an id"));
    keyed.with(&keyed.admin, "DELETE", &path, Value::Null).await;
    socket.say("state.get", json!({})).await;
    assert_eq!(socket.closed().await, 4_401);
}
