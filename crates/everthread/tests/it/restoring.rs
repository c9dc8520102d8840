//! A restore by the running server, while conversations go on; and from outside, where it is refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::Home;
use crate::serving::Serving;

/// How long anything may take before the test fails instead of hanging.
const LIMIT: Duration = Duration::from_secs(60);
/// Conversations that go on meanwhile.
const SPEAKERS: usize = 6;

fn json(serving: &Serving, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (status, text) = serving.call(method, path, "", body);
    let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (status, value)
}

/// Waits until a job has left a status.
fn past(serving: &Serving, job: &Value, status: &str) -> Value {
    let path = format!("/api/jobs/{}", job["job_id"].as_str().expect("an id"));
    let since = Instant::now();
    loop {
        let (answered, job) = json(serving, "GET", &path, "");
        match answered {
            200 if job["status"] != status => return job,
            200 => {}
            503 => assert_eq!(job["code"], "restoring"),
            _ => panic!("{answered}: {job}"),
        }
        assert!(since.elapsed() < LIMIT, "the job stays {status}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn said(text: &str) -> String {
    let body = serde_json::json!({
        "assistant_id": "chat", "if_not_exists": "create",
        "input": {"messages": [{"role": "user", "content": text}]},
    });
    body.to_string()
}

/// Speaks without a pause until told to stop; gives how many turns were answered and how many were put off.
fn speak(serving: &Serving, speaker: usize, stop: &AtomicBool) -> (usize, usize) {
    let (mut answered, mut put_off) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let path = format!("/threads/speaker-{speaker}/runs/wait");
        let (status, body) = serving.call("POST", &path, "", &said("More."));
        match status {
            200 => answered += 1,
            503 => {
                let body: Value = serde_json::from_str(&body).expect("JSON");
                let code = body["code"].as_str().expect("a code");
                assert!(["restoring", "stopping"].contains(&code), "{body}");
                put_off += 1;
            }
            _ => panic!("{status}: {body}"),
        }
    }
    (answered, put_off)
}

/// Waits until there are so many conversations.
fn spoken(serving: &Serving, at_least: usize) {
    let since = Instant::now();
    loop {
        let (status, storage) = json(serving, "GET", "/api/storage", "");
        let threads = storage["threads"].as_u64().unwrap_or(0);
        if status == 200 && threads >= at_least as u64 {
            return;
        }
        assert!(since.elapsed() < LIMIT, "nobody speaks: {storage}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Makes a backup that is verified; gives its name.
fn back_up(serving: &Serving) -> String {
    let (status, job) = json(serving, "POST", "/api/backups", r#"{"verify": true}"#);
    assert_eq!(status, 202, "{job}");
    let job = past(serving, &job, "running");
    assert_eq!(job["status"], "done", "{job}");
    let (_, health) = serving.call("GET", "/health", "", "");
    assert!(!health.contains("\"verified_age_s\":null"), "{health}");
    job["backup"].as_str().expect("a name").to_owned()
}

/// Has the server restore a backup; gives the job when it is over.
fn restore(serving: &Serving, name: &str) -> Value {
    let path = format!("/api/backups/{name}/restore");
    let (status, job) = json(serving, "POST", &path, "{}");
    assert_eq!(status, 202, "{job}");
    let job = past(serving, &job, "running");
    assert_eq!(job["status"], "waiting", "{job}");
    assert_eq!(job["changes"]["after"]["threads"], 1);
    let id = job["job_id"].as_str().expect("an id");
    let body = serde_json::json!({"confirm": job["confirm"]}).to_string();
    let (status, job) = json(serving, "POST", &format!("/api/jobs/{id}/confirm"), &body);
    assert_eq!(status, 202, "{job}");
    past(serving, &job, "running")
}

/// From outside it is refused, and told who can.
#[test]
fn a_storage_that_a_server_holds_is_restored_by_the_server() {
    let home = Home::new();
    home.say("kept", &["My name is Anna."]);
    let serving = Serving::begin(&home, &[]);
    let name = back_up(&serving);
    home.say("later", &["Something else."]);
    let file = home.path().join("backups").join(&name);
    let file = file.to_str().expect("UTF-8");
    let refused = home.run(&["backup", "restore", file, "--yes"], "");
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let hint = format!("POST /api/backups/{name}/restore");
    assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
    assert_eq!(home.messages("later").len(), 2, "nothing has changed");
    assert_eq!(restore(&serving, &name)["status"], "done");
    assert_eq!(serving.call("GET", "/threads/later", "", "").0, 404);
    let (code, log) = serving.stop();
    assert_eq!(code, 0, "{log}");
    home.check();
}

#[test]
fn a_server_restores_while_conversations_go_on() {
    let home = Home::new();
    home.say("kept", &["My name is Anna.", "My dog is called Rex."]);
    let before = home.messages("kept");
    let serving = Serving::begin(&home, &[]);
    let name = back_up(&serving);
    let stop = AtomicBool::new(false);
    let (told, restored) = thread::scope(|scope| {
        let (serving, stop) = (&serving, &stop);
        let speakers: Vec<_> = (0..SPEAKERS)
            .map(|speaker| scope.spawn(move || speak(serving, speaker, stop)))
            .collect();
        spoken(serving, 1 + SPEAKERS);
        let restored = restore(serving, &name);
        // They speak on in the store that is there now.
        spoken(serving, 2);
        stop.store(true, Ordering::Relaxed);
        let ended = speakers
            .into_iter()
            .map(|one| one.join().expect("no panic"));
        let told = ended.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (told, restored)
    });
    let (answered, put_off) = told;
    println!("{answered} turns were answered, {put_off} were put off");
    assert_eq!(restored["status"], "done", "{restored}");
    assert!(answered > SPEAKERS, "{answered}");
    assert!(put_off > 0, "nobody met the restore");
    let (code, log) = serving.stop();
    assert_eq!(code, 0, "{log}");
    assert_eq!(home.messages("kept"), before);
    home.check();
    // What was said before the restore is in the copy, and only there.
    let safety = restored["safety_copy"].as_str().expect("a safety copy");
    let copy = format!("sqlite:{safety}");
    let then = home.json(&["storage", "stats", "--storage", &copy]);
    assert_eq!(then["threads"], 1 + SPEAKERS);
    let sound = home.run(&["storage", "check", "--storage", &copy], "");
    assert_eq!(sound.code, 0, "{}{}", sound.stdout, sound.stderr);
    // Each turn that was answered is in one of the two, beside what both began with.
    let now = home.json(&["storage", "stats"]);
    let of = |stats: &Value| stats["messages"].as_u64().expect("a count") - 4;
    assert!(of(&then) + of(&now) >= 2 * answered as u64);
}
