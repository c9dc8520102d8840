//! `everthread serve --storage postgres://…`: one server, two on one database, and one of them killed under load.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::binary::Home;
use crate::serving::Serving;

#[path = "../../../postgres/tests/support/postgres.rs"]
mod postgres;

/// How long the runs of a server that is gone stay its own.
const LEASE: Duration = Duration::from_secs(2);
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A server on this storage, with a folder of its own.
fn serve(model: &str, storage: &str) -> (Home, Serving) {
    let home = Home::new();
    let serving = Serving::with_model(&home, model, &["--storage", storage]);
    (home, serving)
}

fn said(text: &str) -> Value {
    json!({
        "assistant_id": "chat",
        "if_not_exists": "create",
        "input": {"messages": [{"role": "user", "content": text}]},
    })
}

/// A request that must be fine.
#[track_caller]
fn ok(serving: &Serving, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, text) = serving.call(method, path, "", &body);
    assert!(
        (200..300).contains(&status),
        "{method} {path}: {status} {text}"
    );
    serde_json::from_str(text.trim()).unwrap_or_default()
}

/// What was said on a thread, and the replies.
fn texts(serving: &Serving, thread: &str) -> Vec<String> {
    let state = ok(
        serving,
        "GET",
        &format!("/threads/{thread}/state"),
        &Value::Null,
    );
    let messages = state["values"]["messages"].as_array().cloned();
    let messages = messages.unwrap_or_default();
    let text = |one: &Value| one["content"].as_str().unwrap_or_default().to_owned();
    messages.iter().map(text).collect()
}

/// How a run stands.
fn status(serving: &Serving, thread: &str, run: &str) -> String {
    let path = format!("/threads/{thread}/runs/{run}");
    let run = ok(serving, "GET", &path, &Value::Null);
    run["status"].as_str().unwrap_or_default().to_owned()
}

/// Waits until something is so; gives how long that took.
fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "it never comes to be so: {what}");
        thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed()
}

/// A run in the background; gives its id.
fn begin(serving: &Serving, thread: &str, body: &Value) -> String {
    let run = ok(serving, "POST", &format!("/threads/{thread}/runs"), body);
    run["run_id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_server_on_postgres_does_what_one_on_a_file_does() {
    let storage = postgres::Server::shared().new_schema();
    let (_home, server) = serve("scripted:echo", &storage);
    ok(
        &server,
        "POST",
        "/threads/main/runs/wait",
        &said("My dog is called Rex."),
    );
    let (code, stream) = server.call(
        "POST",
        "/threads/main/runs/stream",
        "",
        &said("And my cat Tom.").to_string(),
    );
    assert_eq!(code, 200);
    assert!(stream.contains("event: end"), "{stream}");
    assert_eq!(texts(&server, "main").len(), 4);
    until("the index follows", || {
        let found = ok(&server, "GET", "/api/search?q=rex", &Value::Null);
        found["hits"]
            .as_array()
            .is_some_and(|hits| !hits.is_empty())
    });
    let item = json!({"namespace": ["pets"], "key": "rex", "value": {"is": "a dog"}});
    ok(&server, "PUT", "/store/items", &item);
    let found = ok(
        &server,
        "POST",
        "/store/items/search",
        &json!({"namespace_prefix": ["pets"]}),
    );
    assert_eq!(found["items"][0]["value"]["is"], "a dog", "{found}");
    let users = ok(&server, "GET", "/api/users", &Value::Null);
    assert!(users.to_string().contains("\"local\""), "{users}");
    let threads = ok(&server, "POST", "/threads/search", &json!({}));
    assert_eq!(threads.as_array().map(Vec::len), Some(1));
    let stats = ok(&server, "GET", "/api/storage", &Value::Null);
    assert!(stats.to_string().contains("PostgreSQL"), "{stats}");
    let (_, health) = server.call("GET", "/health", "", "");
    assert!(health.contains("\"name\":\"storage\""), "{health}");
    assert_eq!(
        ok(&server, "DELETE", "/threads/main", &Value::Null),
        Value::Null
    );
    let (code, log) = server.stop();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
}

#[test]
fn a_run_of_one_server_is_read_and_stopped_at_another() {
    let storage = postgres::Server::shared().new_schema();
    let (_here, here) = serve("scripted:slow", &storage);
    let (_there, there) = serve("scripted:slow", &storage);
    // Not kept: what comes from now on. Its reply takes about a second.
    let run = begin(&here, "a", &said("hello"));
    let path = format!("/threads/a/runs/{run}");
    let (code, stream) = there.call("GET", &format!("{path}/stream"), "", "");
    assert_eq!(code, 200);
    assert!(stream.contains("event: values"), "{stream}");
    assert!(stream.contains("event: end"), "{stream}");
    let joined = ok(&there, "GET", &format!("{path}/join"), &Value::Null);
    assert_eq!(
        joined["messages"].as_array().map(Vec::len),
        Some(2),
        "{joined}"
    );
    // Kept: from its begin, wherever it is read.
    let mut kept = said("and again");
    kept["stream_resumable"] = true.into();
    let run = begin(&here, "a", &kept);
    let path = format!("/threads/a/runs/{run}/stream");
    let (_, all) = there.call("GET", &path, "Last-Event-ID: -1\r\n", "");
    assert!(
        all.contains("event: metadata") && all.contains("event: end"),
        "{all}"
    );

    let run = begin(&here, "b", &said("stop me"));
    ok(
        &there,
        "POST",
        &format!("/threads/b/runs/{run}/cancel?wait=1"),
        &Value::Null,
    );
    assert_eq!(status(&there, "b", &run), "interrupted");
    assert_eq!(texts(&there, "b")[0], "stop me");
    let run = begin(&here, "b", &said("take me back"));
    let cancel = format!("/threads/b/runs/{run}/cancel?wait=1&action=rollback");
    ok(&there, "POST", &cancel, &Value::Null);
    assert!(texts(&there, "b").iter().all(|text| text != "take me back"));
    let (code, _) = there.call("GET", &format!("/threads/b/runs/{run}"), "", "");
    assert_eq!(code, 404);
    here.stop();
    there.stop();
}

/// What those who talked have heard, and where they talk.
struct Talk<'a> {
    servers: [&'a Serving; 2],
    /// The first is gone.
    gone: AtomicBool,
    over: AtomicBool,
    turns: AtomicUsize,
    acknowledged: Mutex<Vec<(String, String)>>,
}

impl Talk<'_> {
    /// Says one thing after the other, on a thread of its own; a request that is cut is not said again.
    fn talk(&self, number: usize) {
        let thread = format!("t{number}");
        let mut turn = 0;
        while !self.over.load(Ordering::Acquire) {
            let first = number.is_multiple_of(2) && !self.gone.load(Ordering::Acquire);
            let server = self.servers[usize::from(!first)];
            let text = format!("{thread} says {turn}");
            turn += 1;
            let path = format!("/threads/{thread}/runs/wait");
            if let Some((200, reply)) = server.try_call("POST", &path, &said(&text).to_string())
                && reply.contains(&text)
                && !reply.contains("__error__")
            {
                self.turns.fetch_add(1, Ordering::AcqRel);
                let mut all = self.acknowledged.lock().expect("nobody panicked");
                all.push((thread.clone(), text));
            }
        }
    }
}

#[test]
fn a_server_that_is_killed_under_load_loses_nothing_and_its_runs_go_on() {
    let lease = LEASE.as_secs();
    let schema = postgres::Server::shared().new_schema();
    let storage = format!("{schema}&lease_seconds={lease}");
    let (_home, killed) = serve("scripted:slow", &storage);
    let (_other_home, other) = serve("scripted:slow", &storage);
    let talk = Talk {
        servers: [&killed, &other],
        gone: AtomicBool::new(false),
        over: AtomicBool::new(false),
        turns: AtomicUsize::new(0),
        acknowledged: Mutex::default(),
    };
    let left = thread::scope(|scope| {
        for number in 0..8 {
            let talk = &talk;
            scope.spawn(move || talk.talk(number));
        }
        until("some turns are said", || {
            talk.turns.load(Ordering::Acquire) >= 16
        });
        let left: Vec<(String, String)> = (0..4)
            .map(|number| {
                let thread = format!("left-{number}");
                let run = begin(&killed, &thread, &said("do not forget me"));
                (thread, run)
            })
            .collect();
        killed.kill();
        let at = Instant::now();
        talk.gone.store(true, Ordering::Release);
        for (thread, run) in &left {
            until("a run that was left comes to its end", || {
                status(&other, thread, run) == "success"
            });
        }
        // The lease, a look, and a reply of a second.
        assert!(
            at.elapsed() < LEASE * 2 + Duration::from_secs(8),
            "{:?}",
            at.elapsed()
        );
        talk.over.store(true, Ordering::Release);
        left
    });
    for (thread, _) in &left {
        let said = texts(&other, thread);
        assert_eq!(said.len(), 2, "{said:?}");
    }
    let acknowledged = talk.acknowledged.lock().expect("nobody panicked");
    for number in 0..8 {
        let thread = format!("t{number}");
        let kept = texts(&other, &thread);
        for (_, text) in acknowledged.iter().filter(|(of, _)| *of == thread) {
            let at = kept.iter().position(|one| one == text);
            let at =
                at.unwrap_or_else(|| panic!("{text:?} was acknowledged and is gone: {kept:?}"));
            assert!(kept.len() > at + 1, "{text:?} has lost its reply");
        }
    }
    let check = Home::new();
    let done = check.run(&["storage", "check", "--storage", &storage], "");
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let (code, log) = other.stop();
    assert_eq!(code, 0, "{log}");
}

#[test]
fn many_writers_of_two_servers_on_one_file_wait_and_none_is_refused() {
    let (home, other_home) = (Home::new(), Home::new());
    let storage = format!("sqlite:{}", home.database().display());
    let servers = [&home, &other_home]
        .map(|home| Serving::with_model(home, "scripted:echo", &["--storage", &storage]));
    let loads = servers.each_ref().map(|server| {
        let url = format!("http://{}", server.address);
        let size = [
            "--users",
            "32",
            "--workers",
            "32",
            "--turns",
            "4",
            "--seconds",
            "0",
        ];
        let command = [&["bench", "load", "--json", "--url", &url], &size[..]].concat();
        home.command(&command).spawn().expect("the binary starts")
    });
    for load in loads {
        let done = crate::binary::finish(load, b"");
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        let told: Value = serde_json::from_str(&done.stdout).expect("one line of JSON");
        assert_eq!(
            (&told["turns"], &told["errors"]),
            (&128.into(), &0.into()),
            "{told}"
        );
    }
    for server in servers {
        let (code, log) = server.stop();
        assert_eq!(code, 0, "{log}");
        assert!(!log.contains("locked"), "{log}");
    }
    home.check();
    let stats = home.json(&["storage", "stats"]);
    assert_eq!(stats["messages"], 512, "{stats}");
}
