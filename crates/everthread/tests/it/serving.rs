//! `everthread serve`, `users` and `keys`, as an operator uses them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Mutex;

use serde_json::Value;

use crate::binary::Home;

/// A running server.
pub(crate) struct Serving {
    child: Mutex<Child>,
    /// A file, because a pipe that nobody reads fills up and stops the server.
    log: PathBuf,
    /// `host:port`
    pub(crate) address: String,
}

impl Serving {
    pub(crate) fn begin(home: &Home, args: &[&str]) -> Self {
        Self::with_model(home, "scripted:echo", args)
    }

    pub(crate) fn with_model(home: &Home, model: &str, args: &[&str]) -> Self {
        let all = [
            &[
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--model",
                model,
                "--json",
            ],
            args,
        ]
        .concat();
        let log = home.path().join("stderr.log");
        let mut child = home
            .command(&all)
            .stderr(std::fs::File::create(&log).expect("a file"))
            .spawn()
            .expect("the binary starts");
        let out = child.stdout.take().expect("piped");
        // The one document ends with the only line that is a brace.
        let lines = BufReader::new(out).lines().map_while(Result::ok);
        let mut text = String::new();
        for line in lines {
            text += &line;
            if line == "}" {
                break;
            }
        }
        let told: Value = serde_json::from_str(&text).expect("where it listens");
        let url = told["listening"].as_str().expect("an address");
        let address = url.strip_prefix("http://").expect("HTTP").to_owned();
        Self {
            child: Mutex::new(child),
            log,
            address,
        }
    }

    /// Sends a request; gives status and body.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        taken_apart(&answer).expect("a status and a body")
    }

    /// The same, which may be cut: by a server that is killed, and then there is no answer.
    pub(crate) fn try_call(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        taken_apart(&answer)
    }

    /// Kills it: it has no time to put anything in order.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().expect("nobody panicked");
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    /// Stops it as an operator would; gives its exit code and log.
    pub(crate) fn stop(self) -> (i32, String) {
        let mut child = self.child.into_inner().expect("nobody panicked");
        let pid = child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.expect("kill runs").success());
        let status = child.wait().expect("it ends");
        let log = std::fs::read_to_string(&self.log).expect("UTF-8");
        (status.code().unwrap_or(-1), log)
    }
}

/// Status and body of an answer; `None` for one that was cut.
fn taken_apart(answer: &str) -> Option<(u16, String)> {
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return Some((status, body.to_owned()));
    }
    let (mut rest, mut whole) = (body, String::new());
    loop {
        let (size, chunks) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some((status, whole));
        }
        whole.push_str(chunks.get(..size)?);
        rest = chunks.get(size + 2..)?;
    }
}

const SAID: &str = r#"{"assistant_id": "chat", "if_not_exists": "create",
    "input": {"messages": [{"role": "user", "content": "My dog is called Rex."}]}}"#;

#[test]
fn a_turn_over_http_is_there_after_the_server_has_stopped() {
    let home = Home::new();
    let serving = Serving::begin(&home, &[]);
    let (status, body) = serving.call("POST", "/threads/main/runs/wait", "", SAID);
    assert_eq!(status, 200, "{body}");
    let (status, graph) = serving.call("GET", "/assistants/review/graph", "", "");
    assert_eq!(status, 200, "{graph}");
    let (_, health) = serving.call("GET", "/health", "", "");
    for part in ["storage", "queue", "disk", "models", "backup"] {
        assert!(
            health.contains(&format!("\"name\":\"{part}\"")),
            "{part}: {health}"
        );
    }
    let (_, metrics) = serving.call("GET", "/metrics", "", "");
    for line in [
        "everthread_messages_processed_total 2",
        "everthread_turns_total 1",
        "everthread_model_calls_total{model=\"scripted:echo\",outcome=\"ok\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let (code, log) = serving.stop();
    assert_eq!(code, 0, "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    assert!(
        lines
            .iter()
            .any(|line| line["operation"] == "POST /threads/{thread_id}/runs/wait")
    );
    assert!(!log.contains("Rex"), "what was said is in the log");
    let messages = home.messages("main");
    assert_eq!(messages[0].1, "My dog is called Rex.");
    home.check();
}

#[test]
fn keys_open_a_running_server_and_revoking_closes_it() {
    let home = Home::new();
    let made = home.json(&[
        "keys", "create", "--role", "user", "--user", "anna", "--name", "phone",
    ]);
    let key = made["key"].as_str().expect("a key").to_owned();
    let serving = Serving::begin(&home, &[]);
    assert_eq!(serving.call("GET", "/api/users/me", "", "").0, 401);
    let shown = format!("X-Api-Key: {key}\r\n");
    let (status, me) = serving.call("GET", "/api/users/me", &shown, "");
    assert_eq!(status, 200, "{me}");
    assert!(me.contains("\"user_id\":\"anna\""), "{me}");
    let listed = home.json(&["keys", "list"]);
    assert_eq!(listed["keys"][0]["name"], "phone");
    assert!(!listed.to_string().contains("evt_"));
    let id = made["key_id"].as_str().expect("an id");
    home.json(&["keys", "revoke", id]);
    let since = std::time::Instant::now();
    while serving.call("GET", "/api/users/me", &shown, "").0 != 401 {
        assert!(since.elapsed().as_millis() < 1_000, "it is still served");
    }
    let (code, log) = serving.stop();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains(&key[4..]), "the key is in the log");
    let unknown = home.run(&["keys", "revoke", "key_none"], "");
    assert_eq!(unknown.code, 3, "{}", unknown.stderr);
    let homeless = home.run(&["keys", "create", "--role", "user"], "");
    assert_eq!(homeless.code, 5, "{}", homeless.stderr);
}

#[test]
fn beyond_loopback_a_server_without_keys_is_refused() {
    let home = Home::new();
    let args = ["serve", "--listen", "0.0.0.0:0", "--model", "scripted:echo"];
    let refused = home.run(&args, "");
    assert_eq!(refused.code, 2, "{}{}", refused.stdout, refused.stderr);
    assert!(
        refused.stderr.contains("everthread keys create"),
        "{}",
        refused.stderr
    );
    let nowhere = home.run(
        &["serve", "--listen", "nowhere", "--model", "scripted:echo"],
        "",
    );
    assert_eq!(nowhere.code, 2, "{}", nowhere.stderr);
}

#[test]
fn the_log_goes_to_a_file_too_and_says_messages_when_asked() {
    let home = Home::new();
    let file = home.path().join("log").join("server.log");
    let settings = format!(
        "[log]\nfile = \"{}\"\nmessages = true\nformat = \"human\"\n",
        file.display()
    );
    std::fs::write(home.path().join("everthread.toml"), settings).expect("settings");
    let serving = Serving::begin(&home, &[]);
    serving.call("POST", "/threads/main/runs/wait", "", SAID);
    let (code, log) = serving.stop();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("Rex") && !log.starts_with('{'), "{log}");
    let folder = file.parent().expect("a folder");
    let written: String = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("UTF-8"))
        .collect();
    let lines = written.lines().map(serde_json::from_str::<Value>);
    let lines: Vec<Value> = lines.collect::<Result<_, _>>().expect("JSON");
    assert!(
        lines
            .iter()
            .any(|line| line["text"] == "My dog is called Rex."),
        "{written}"
    );
}

#[test]
fn users_are_set_shown_held_exported_and_erased() {
    let home = Home::new();
    let preferences = r#"{"tone": "formal"}"#;
    let set = home.json(&[
        "users",
        "set",
        "anna",
        "--name",
        "Anna",
        "--preferences",
        preferences,
    ]);
    assert_eq!(set["user"]["preferences"]["tone"], "formal");
    let said = ["chat", "--model", "scripted:echo", "--user", "anna"];
    assert_eq!(home.run(&said, "My dog is called Rex.\n").code, 0);
    let listed = home.json(&["users", "list"]);
    assert_eq!(listed["users"][0]["messages"], 2);
    let shown = home.json(&["users", "show", "anna"]);
    assert_eq!(shown["user"]["name"], "Anna");
    let export = home.json(&["users", "export", "anna"]);
    assert_eq!(
        export["threads"][0]["messages"][0]["message"]["content"],
        "My dog is called Rex."
    );
    home.json(&["users", "hold", "anna"]);
    let held = home.run(&["users", "erase", "anna", "--yes"], "");
    assert_eq!(held.code, 4, "{}", held.stderr);
    home.json(&["users", "unhold", "anna"]);
    let unasked = home.run(&["users", "erase", "anna"], "");
    assert_eq!(unasked.code, 2, "{}", unasked.stderr);
    let gone = home.json(&["users", "erase", "anna", "--yes"]);
    assert_eq!(
        (&gone["erased"]["threads"], &gone["erased"]["messages"]),
        (&1.into(), &2.into())
    );
    for missing in [
        ["users", "show", "anna"],
        ["users", "export", "anna"],
        ["users", "hold", "anna"],
    ] {
        assert_eq!(home.run(&missing, "").code, 3, "{missing:?}");
    }
    let wrong = home.run(&["users", "set", "anna", "--preferences", "[1]"], "");
    assert_eq!(wrong.code, 5, "{}", wrong.stderr);
    home.check();
}
