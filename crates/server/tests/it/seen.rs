//! Seen from outside: the log and the counters.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::app::TestApp;
use crate::keyed::Keyed;

/// A log in memory: that of the whole process, because a log has one place in it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of requests, as JSON.
    fn requests(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["target"] == "everthread::request")
            .collect()
    }

    /// The log of every test here, spans with their fields included.
    fn of_all() -> &'static Self {
        static LOG: OnceLock<Kept> = OnceLock::new();
        LOG.get_or_init(|| {
            let kept = Self::default();
            let layer = tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(kept.clone());
            let all = tracing_subscriber::registry().with(layer);
            tracing::subscriber::set_global_default(all).expect("nobody else logs");
            kept
        })
    }
}

#[tokio::test]
async fn no_key_reaches_the_log_wherever_it_is_put() {
    let log = Kept::of_all();
    let keyed = Keyed::new().await;
    keyed.talk_of_ann("hers").await;
    let key = keyed.ann.as_str();
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl";
    let borne = format!("Bearer {key}");
    for name in [
        "x-api-key",
        "authorization",
        "x-everthread-user",
        "x-request-id",
        "last-event-id",
        "user-agent",
        "referer",
        "cookie",
        "origin",
        "x-anything",
    ] {
        for value in [key, borne.as_str(), token] {
            let headers = [(name, value)];
            keyed
                .call("GET", "/threads/hers", &headers, Value::Null)
                .await;
            let also = [("x-api-key", key), (name, value)];
            keyed.call("GET", "/threads/hers", &also, Value::Null).await;
        }
    }
    for secret in [key, token] {
        for path in [
            format!("/threads/hers?key={secret}"),
            format!("/api/search?q={secret}&api_key={secret}"),
            format!("/threads/{secret}"),
            format!("/threads/{secret}/runs/{secret}/stream?{secret}"),
            format!("/{secret}"),
        ] {
            keyed.with(key, "GET", &path, Value::Null).await;
        }
    }
    let text = log.text();
    assert!(log.requests().len() > 50, "{text}");
    assert!(!text.contains(&key[4..]), "a key is in the log");
    assert!(!text.contains("eyJhbGci"), "a token is in the log");
    assert!(!text.contains("xylophone"), "what was said is in the log");
}

#[tokio::test]
async fn a_line_tells_operation_user_thread_run_and_outcome() {
    let log = Kept::of_all();
    let keyed = Keyed::new().await;
    keyed.talk_of_ann("told-in-the-log").await;
    let headers = [
        ("x-api-key", keyed.ann.as_str()),
        ("x-request-id", "my-request"),
    ];
    let missing = keyed
        .call("GET", "/threads/none", &headers, Value::Null)
        .await;
    assert_eq!(missing.header("x-request-id"), Some("my-request"));
    let lines = log.requests();
    let of = |operation: &str, field: &str, value: &str| {
        let found = lines
            .iter()
            .find(|line| line["operation"] == operation && line[field] == value);
        found.unwrap_or_else(|| panic!("{operation} is not in {lines:#?}"))
    };
    let waited = of(
        "POST /threads/{thread_id}/runs/wait",
        "thread",
        "told-in-the-log",
    );
    assert_eq!(waited["user"], "ann");
    assert_eq!(
        (&waited["status"], &waited["outcome"]),
        (&json!(200), &json!("ok"))
    );
    assert_eq!(waited["run"].as_str().map(str::len), Some(36));
    assert!(waited["duration_ms"].as_f64().unwrap() > 0.0);
    let refused = of("GET /threads/{thread_id}", "request_id", "my-request");
    assert_eq!(
        (&refused["outcome"], &refused["code"]),
        (&json!("refused"), &json!("not_found"))
    );
}

#[tokio::test]
async fn counters_count_and_are_not_for_everybody() {
    let keyed = Keyed::new().await;
    keyed.talk_of_ann("told-in-the-log").await;
    let user = keyed.with(&keyed.ann, "GET", "/metrics", Value::Null).await;
    assert_eq!(user.status, 403);
    let text = keyed
        .with(&keyed.admin, "GET", "/metrics", Value::Null)
        .await
        .text;
    assert!(text.contains("\neverthread_open_streams 0\n"), "{text}");
    let line = "everthread_requests_total{operation=\"POST /threads\",status=\"200\"} 1";
    assert!(text.contains(line), "{text}");
}

#[tokio::test]
async fn a_stream_counts_once_while_it_is_open() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let open = app.join(&format!("/threads/{thread}/stream"), None).await;
    let said = app.get("/metrics").await.text;
    assert!(said.contains("\neverthread_open_streams 1\n"), "{said}");
    drop(open);
}
