//! The same over a WebSocket.

use everthread_server::Settings;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{ALL, is_end, start};
use crate::app::{LIMIT, TestApp, input, settings};

/// A request for the socket of a thread.
pub fn dial(app: &TestApp, thread: &str, headers: &[(&str, &str)]) -> Request {
    let base = app.base.replace("http://", "ws://");
    let url = format!("{base}/threads/{thread}/stream/events");
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in headers {
        let name: reqwest::header::HeaderName = name.parse().expect("a name");
        request
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    request
}

/// A socket of a thread.
pub struct Socket {
    inner: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: i64,
    /// Events that came before an answer.
    heard: Vec<Value>,
}

impl Socket {
    pub fn of(inner: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self {
            inner,
            next: 1,
            heard: Vec::new(),
        }
    }

    async fn open(app: &TestApp, thread: &str) -> Self {
        let request = dial(app, thread, &[("x-everthread-user", "ann")]);
        Self::of(connect_async(request).await.expect("a socket").0)
    }

    pub async fn send(&mut self, message: Message) {
        self.inner.send(message).await.expect("sent");
    }

    /// Sends a command.
    pub async fn say(&mut self, method: &str, params: Value) {
        let command = json!({"id": self.next, "method": method, "params": params});
        self.send(Message::text(command.to_string())).await;
    }

    async fn message(&mut self) -> Message {
        let next = timeout(LIMIT, self.inner.next()).await;
        next.expect("in time").expect("open").expect("a message")
    }

    /// The next answer or event.
    async fn read(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.message().await {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }

    async fn answer(&mut self) -> Value {
        loop {
            let read = self.read().await;
            if read["type"] != "event" {
                return read;
            }
            self.heard.push(read);
        }
    }

    /// Gives a command, and waits for its answer.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.say(method, params).await;
        let answer = self.answer().await;
        assert_eq!(answer["id"], self.next, "{answer}");
        self.next += 1;
        answer
    }

    /// The events up to the end of the next run.
    pub async fn run(&mut self) -> Vec<Value> {
        let mut all = std::mem::take(&mut self.heard);
        if let Some(end) = all.iter().position(is_end) {
            self.heard = all.split_off(end + 1);
            return all;
        }
        loop {
            let event = self.read().await;
            assert_eq!(event["type"], "event", "{event}");
            let ends = is_end(&event);
            all.push(event);
            if ends {
                return all;
            }
        }
    }

    /// The code with which the server closes.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.message().await {
                return frame.expect("a reason").code.into();
            }
        }
    }
}

#[tokio::test]
async fn a_conversation_is_led_over_one_socket() {
    let app = TestApp::new().await;
    let mut socket = Socket::open(&app, "t").await;
    let subscribed = socket
        .ask("subscription.subscribe", json!({"channels": ALL}))
        .await;
    assert_eq!(subscribed["result"]["replayed_events"], 0);
    let params = json!({"assistant_id": "agent", "input": input("please approve")});
    let begun = socket.ask("run.start", params).await;
    assert_eq!(begun["meta"]["applied_through_seq"], 0);
    let told = socket.run().await;
    assert_eq!(told[0]["params"]["data"]["event"], "running");
    let asked = told
        .iter()
        .find(|event| event["method"] == "input.requested");
    let id = &asked.expect("a question")["params"]["data"]["interrupt_id"];
    let params = json!({"namespace": [], "interrupt_id": id, "response": "yes"});
    let answer = socket.ask("input.respond", params).await;
    assert_eq!(answer["type"], "success");
    let told = socket.run().await;
    assert_eq!(
        told.last().expect("an end")["params"]["data"]["event"],
        "completed"
    );
    let state = socket.ask("state.get", json!({"keys": ["log"]})).await;
    assert_eq!(
        state["result"]["values"],
        json!({"log": ["agent", "gate:yes"]})
    );
}

#[tokio::test]
async fn subscriptions_come_late_overlap_and_end() {
    let app = TestApp::new().await;
    let mut first = Socket::open(&app, "t").await;
    first
        .ask("subscription.subscribe", json!({"channels": ALL}))
        .await;
    start(&app, "t", "agent", "hi").await;
    let told = first.run().await;

    let mut late = Socket::open(&app, "t").await;
    let life = json!({"channels": ["lifecycle", "input"]});
    let subscribed = late.ask("subscription.subscribe", life).await;
    assert_eq!(subscribed["result"]["replayed_events"], 2);
    assert_eq!(late.run().await.len(), 2);
    let since = json!({"channels": ["values"], "since": told[0]["seq"]});
    let values = late.ask("subscription.subscribe", since).await;
    assert_eq!(values["result"]["replayed_events"], 3);
    late.heard.clear();

    start(&app, "t", "agent", "again").await;
    let both: Vec<_> = late.run().await;
    let numbers: Vec<u64> = both
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert!(
        numbers.is_sorted_by(|a, b| a < b),
        "nothing comes twice: {numbers:?}"
    );
    let wanted: Vec<Value> = first
        .run()
        .await
        .into_iter()
        .filter(|event| event["method"] == "lifecycle" || event["method"] == "values")
        .collect();
    assert_eq!(both, wanted);

    let id = &values["result"]["subscription_id"];
    let ended = late
        .ask("subscription.unsubscribe", json!({"subscription_id": id}))
        .await;
    assert_eq!(ended["type"], "success");
    let again = late
        .ask("subscription.unsubscribe", json!({"subscription_id": id}))
        .await;
    assert_eq!(again["error"], "no_such_subscription");
    start(&app, "t", "agent", "thrice").await;
    assert_eq!(late.run().await.len(), 2);
    let back = late
        .ask("subscription.reconnect", json!({"run_id": "x"}))
        .await;
    assert_eq!(back["result"], json!({"restored": false}));
}

#[tokio::test]
async fn rubbish_is_answered_and_does_not_end_the_talk() {
    let settings = Settings {
        max_body_bytes: 64 << 10,
        ..settings()
    };
    let app = TestApp::with(settings).await;
    let mut socket = Socket::open(&app, "t").await;
    let deep = "[".repeat(10_000);
    for text in [
        "x",
        "",
        "{}",
        "[]",
        "null",
        r#"{"id": "a", "method": 1}"#,
        &deep,
    ] {
        socket.send(Message::text(text)).await;
        let answer = socket.answer().await;
        assert_eq!(
            (&answer["type"], &answer["error"]),
            (&json!("error"), &json!("invalid_argument")),
            "{answer}"
        );
    }
    socket.send(Message::binary(vec![0xff, 0xfe])).await;
    assert_eq!(socket.answer().await["error"], "invalid_argument");
    let bytes = Bytes::from_static(br#"{"id": 1, "method": "state.get"}"#);
    socket.send(Message::Binary(bytes)).await;
    assert_eq!(socket.answer().await["type"], "success");
    for params in [
        json!({}),
        json!([]),
        json!({"channels": ["bogus"]}),
        json!({"channels": ["values"], "since": -1}),
    ] {
        let answer = socket.ask("subscription.subscribe", params).await;
        assert_eq!(answer["error"], "invalid_argument", "{answer}");
    }
    for method in [
        "subscription.unsubscribe",
        "run.start",
        "input.respond",
        "state.fork",
        "state.get",
    ] {
        let answer = socket
            .ask(
                method,
                json!({"namespace": 1, "subscription_id": 2, "checkpoint_id": []}),
            )
            .await;
        assert_eq!(answer["type"], "error", "{method}: {answer}");
    }
    for _ in 0..64 {
        let answer = socket
            .ask("subscription.subscribe", json!({"channels": ["values"]}))
            .await;
        assert_eq!(answer["type"], "success");
    }
    let answer = socket
        .ask("subscription.subscribe", json!({"channels": ["values"]}))
        .await;
    assert_eq!(answer["error"], "invalid_argument", "{answer}");
    // Too long a message ends the connection, and not the server.
    let mut other = Socket::open(&app, "t").await;
    other.send(Message::text("x".repeat(70_000))).await;
    let end = timeout(LIMIT, other.inner.next()).await.expect("in time");
    assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
    assert_eq!(socket.ask("state.get", json!({})).await["type"], "success");
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let app = TestApp::new().await;
    let mut socket = Socket::open(&app, "t").await;
    socket
        .ask("subscription.subscribe", json!({"channels": ALL}))
        .await;
    let (code, ()) = tokio::join!(socket.closed(), app.stop());
    assert_eq!(code, 1_012);
}
