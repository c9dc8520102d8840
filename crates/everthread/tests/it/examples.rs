//! Examples as they are run by whoever tries them.

use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;

/// The built example, which lies beside the binary.
fn example(name: &str) -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_everthread"));
    let built = binary
        .parent()
        .expect("a folder")
        .join("examples")
        .join(name);
    assert!(
        built.is_file(),
        "build it: cargo build --package everthread --examples"
    );
    built
}

#[test]
fn exercise_4_says_what_the_notebook_says_and_ends_in_order() {
    let home = tempfile::tempdir().expect("a folder");
    let done = Command::new(example("scalable_memory"))
        .current_dir(home.path())
        .env_remove("OPENAI_API_KEY")
        .env("EVERTHREAD_MODEL", "scripted:echo")
        .output()
        .expect("it starts");
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(done.status.success(), "{err}");
    for line in [
        "=== Testing Scalable Memory System ===",
        "1. Running concurrent conversation simulation...",
        "2. Completed 20 concurrent conversations",
        "3. Memory statistics:",
        "   users: 20",
        "   users active in the last day: 20",
        "   conversations: 20",
        "   messages: 120",
        "   messages the search index has not seen: 0",
        "=== Scalable Memory Test Complete ===",
    ] {
        assert!(
            out.lines().any(|told| told == line),
            "{line:?} is missing in:\n{out}"
        );
    }
    assert!(!out.contains("Error in conversation"), "{out}");
    assert_eq!(err, "");
    // It was closed: nothing is left in a log of its own.
    let log = home.path().join("scalable_chatbot.db-wal");
    assert!(std::fs::metadata(log).map_or(0, |log| log.len()) == 0);
    let database = Connection::open(home.path().join("scalable_chatbot.db")).expect("a database");
    let sound: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(sound, "ok");
}
