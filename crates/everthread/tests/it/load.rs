//! `everthread bench load`, in process and against a running server.

use serde_json::Value;

use crate::binary::Home;
use crate::serving::Serving;

/// One repetition of a small load.
const SMALL: &[&str] = &[
    "bench",
    "load",
    "--users",
    "3",
    "--turns",
    "2",
    "--workers",
    "2",
    "--seconds",
    "0",
    "--json",
];

fn line(home: &Home, args: &[&str]) -> Value {
    let done = home.run(&[SMALL, args].concat(), "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    serde_json::from_str(&done.stdout).expect("one line of JSON")
}

#[test]
fn a_load_in_process_leaves_its_conversations_in_a_file_of_its_own() {
    let home = Home::new();
    let storage = ["--storage", "sqlite:load.db"];
    let told = line(&home, &storage);
    assert_eq!((&told["turns"], &told["errors"]), (&6.into(), &0.into()));
    assert!(told["p50_ms"].as_f64() <= told["p99_ms"].as_f64());
    let stats = home.json(&["storage", "stats", "--storage", "sqlite:load.db"]);
    assert_eq!(
        (&stats["threads"], &stats["messages"]),
        (&3.into(), &12.into())
    );
    let again = home.run(&[SMALL, &storage].concat(), "");
    assert_eq!(
        again.code, 4,
        "a benchmark must not write into a file that is there"
    );
}

#[test]
fn a_load_over_http_is_the_same_turns_on_the_server() {
    let home = Home::new();
    let serving = Serving::begin(&home, &[]);
    let url = format!("http://{}", serving.address);
    let whole = line(&home, &["--url", &url]);
    assert_eq!((&whole["turns"], &whole["errors"]), (&6.into(), &0.into()));
    assert!(whole.get("first_token_p50_ms").is_none());
    let streamed = line(&home, &["--url", &url, "--stream"]);
    assert_eq!(
        (&streamed["turns"], &streamed["errors"]),
        (&6.into(), &0.into())
    );
    let first = streamed["first_token_p50_ms"].as_f64().expect("a time");
    assert!(first > 0.0 && first <= streamed["p99_ms"].as_f64().expect("a time"));
    let (code, log) = serving.stop();
    assert_eq!(code, 0, "{log}");
    let stats = home.json(&["storage", "stats"]);
    assert_eq!(
        (&stats["threads"], &stats["messages"]),
        (&6.into(), &24.into())
    );
}

#[test]
fn turns_that_fail_are_counted_by_kind_and_the_load_has_failed() {
    let home = Home::new();
    let storage = ["--storage", "sqlite:load.db", "--model", "scripted:fail"];
    let done = home.run(&[SMALL, &storage].concat(), "");
    assert_eq!(done.code, 1, "{}", done.stderr);
    let told: Value = serde_json::from_str(&done.stdout).expect("one line of JSON");
    assert_eq!((&told["turns"], &told["errors"]), (&0.into(), &6.into()));
    assert_eq!(told["errors_by_kind"]["Node"], 6, "{told}");
}

#[test]
fn a_load_says_what_keeps_it_from_a_server() {
    let home = Home::new();
    let nobody = home.run(&[SMALL, &["--url", "http://127.0.0.1:1"]].concat(), "");
    assert_eq!(nobody.code, 6, "{}", nobody.stderr);
    let wrong = home.run(&[SMALL, &["--url", "ftp://127.0.0.1"]].concat(), "");
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    let both = ["--url", "http://127.0.0.1:1", "--storage", "sqlite:x.db"];
    assert_eq!(home.run(&[SMALL, &both].concat(), "").code, 2);
    let made = home.json(&["keys", "create", "--role", "user", "--user", "anna"]);
    let key = made["key"].as_str().expect("a key");
    let serving = Serving::begin(&home, &[]);
    let url = format!("http://{}", serving.address);
    let one_user = home.run(&[SMALL, &["--url", &url, "--key", key]].concat(), "");
    assert_eq!(one_user.code, 1, "{}", one_user.stderr);
    assert!(one_user.stderr.contains("service"), "{}", one_user.stderr);
    serving.stop();
}
