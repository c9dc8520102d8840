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

#[test]
fn a_mixed_load_reads_searches_and_makes_threads_here_and_there() {
    let home = Home::new();
    let mix = ["--mix", "turns=2,reads=2,searches=1,new=1"];
    let here = line(
        &home,
        &[&mix[..], &["--storage", "sqlite:load.db"]].concat(),
    );
    let serving = Serving::begin(&home, &[]);
    let url = format!("http://{}", serving.address);
    let there = line(&home, &[&mix[..], &["--url", &url]].concat());
    for told in [&here, &there] {
        assert_eq!(
            (&told["turns"], &told["errors"]),
            (&6.into(), &0.into()),
            "{told}"
        );
        // Each of two workers counts for itself.
        assert_eq!(told["reads"], 6, "{told}");
        let searches = told["searches"].as_u64().expect("a number");
        assert!((2..=3).contains(&searches), "{told}");
        assert!(told["read_p50_ms"].as_f64() <= told["read_p99_ms"].as_f64());
    }
    serving.stop();
    let stats = home.json(&["storage", "stats", "--storage", "sqlite:load.db"]);
    let threads = 3 + here["new_threads"].as_u64().expect("a number");
    assert_eq!(stats["threads"], threads);
    let wrong = home.run(&[SMALL, &["--mix", "reads=1"]].concat(), "");
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
}

#[test]
fn a_soak_looks_at_memory_files_and_latencies_in_windows() {
    let is_long = std::env::var_os("EVERTHREAD_LONG").is_some();
    let home = Home::new();
    let minutes = if is_long { "2" } else { "0.1" };
    let done = home.run(&["bench", "soak", "--minutes", minutes, "--json"], "");
    let lines: Vec<Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(lines.len() >= 9, "{}{}", done.stdout, done.stderr);
    for told in &lines {
        assert_eq!(told["errors"], 0, "{told}");
        for name in ["rss_bytes", "open_files", "turns", "reads", "p99_ms"] {
            assert!(
                told[name].as_f64().is_some_and(|figure| figure > 0.0),
                "{name}: {told}"
            );
        }
    }
    // In seconds caches still fill, and others on the machine make latencies what they like.
    let flat = done.code == 0 || !is_long && done.stderr.contains("not flat");
    assert!(flat, "{}", done.stderr);
}
