//! What keeps a storage small: `storage cleanup`, `storage optimize`, and a server that does both by itself.

use serde_json::Value;

use crate::binary::Home;

/// The ids of the conversations that are listed.
fn threads(home: &Home) -> Vec<String> {
    let listed = home.json(&["threads", "list"]);
    let threads = listed["threads"].as_array().expect("a list");
    let mut ids: Vec<String> = threads
        .iter()
        .map(|thread| thread["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
fn cleanup_says_what_would_go_and_then_removes_it() {
    let home = Home::new();
    for thread in ["one", "two", "kept"] {
        home.say(thread, &["Hello there.", &"and more ".repeat(500)]);
    }
    home.json(&["threads", "pin", "kept"]);
    let none = home.run(&["storage", "cleanup"], "");
    assert_eq!(none.code, 2, "without a limit nothing is removed");
    let would = home.json(&["storage", "cleanup", "--dry-run", "--idle-days", "0"]);
    assert_eq!(would["removed"]["threads"], 2);
    let bytes = would["removed"]["bytes"].as_u64().unwrap();
    assert!(bytes > 8_000, "{would}");
    assert_eq!(threads(&home).len(), 3);
    let kept = home.json(&["storage", "cleanup", "--idle-days", "1"]);
    assert_eq!(kept["removed"]["threads"], 0, "they are of today");
    std::fs::write(
        home.path().join("everthread.toml"),
        "[retention]\nidle_days = 0\n",
    )
    .unwrap();
    let own = ["users", "set", "local", "--retention"];
    home.json(&[&own[..], &["forever"]].concat());
    assert_eq!(home.json(&["storage", "cleanup"])["removed"]["threads"], 0);
    assert_eq!(home.run(&[&own[..], &["soon"]].concat(), "").code, 5);
    home.json(&[&own[..], &["default"]].concat());
    let done = home.json(&["storage", "cleanup"]);
    assert_eq!(done["removed"]["threads"], 2);
    let (before, after) = (&done["file_bytes_before"], &done["file_bytes_after"]);
    assert!(after.as_u64().unwrap() < before.as_u64().unwrap(), "{done}");
    assert_eq!(threads(&home), ["kept"]);
    home.check();
}

#[test]
fn optimize_tells_each_step() {
    let home = Home::new();
    home.say("main", &["one", "two"]);
    let told = home.json(&["storage", "optimize", "--full"]);
    let steps: Vec<&Value> = told["steps"].as_array().unwrap().iter().collect();
    let names: Vec<&str> = steps
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["index", "analyze", "rewrite", "space", "log", "measure"]
    );
    assert!(
        steps
            .iter()
            .all(|step| step["took_ms"].as_f64().unwrap() > 0.0)
    );
    assert_eq!(home.messages("main").len(), 4);
    home.say("main", &["three"]);
    home.check();
}

#[test]
fn benchmarks_of_large_stores_print_their_figures() {
    let home = Home::new();
    let line = |what: &str| -> Value {
        let done = home.run(&["bench", what, "--threads", "30", "--json"], "");
        assert_eq!(done.code, 0, "{}", done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    };
    let large = line("large");
    assert_eq!(
        (&large["threads"], &large["messages"]),
        (&31.into(), &1400.into())
    );
    assert!(large["search_ms"].as_f64().unwrap() > 0.0);
}
