//! The examples that end by themselves, as a reader runs them: with the instant scripted model, in an empty folder.

use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;

/// An example's program. `cargo test` builds it; with `--test it` alone, `cargo build --examples` does.
fn built(name: &str) -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_everthread"));
    let folder = binary.parent().expect("a folder").join("examples");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not there: cargo build -p everthread --examples",
        path.display()
    );
    path
}

/// Runs an example; gives what it printed.
fn run(name: &str) -> String {
    let home = tempfile::tempdir().expect("a folder");
    let done = Command::new(built(name))
        .current_dir(home.path())
        .env("EVERTHREAD_MODEL", "scripted:echo")
        .env_remove("OPENAI_API_KEY")
        .output()
        .expect("it starts");
    let told = String::from_utf8(done.stdout).expect("UTF-8");
    let failed = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{name}: {told}{failed}");
    told
}

/// The number after these words.
fn number(told: &str, words: &str) -> usize {
    let at = told
        .find(words)
        .unwrap_or_else(|| panic!("no {words:?} in {told}"))
        + words.len();
    let digits = told[at..].split_whitespace().next().expect("a word");
    digits.parse().expect("a number")
}

#[test]
fn a_conversation_that_was_lost_is_recovered() {
    let told = run("backup_recovery");
    let before = number(&told, "The conversation has ");
    let after = number(&told, "Recovered conversation has ");
    assert!(before > 0 && before == after, "{told}");
    let verified = told.matches("restored to scratch: ").count();
    assert_eq!(verified, 3, "each form is proved: {told}");
}

#[test]
fn exercise_4_says_what_the_notebook_says_and_ends_in_order() {
    let home = tempfile::tempdir().expect("a folder");
    let done = Command::new(built("scalable_memory"))
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
