//! The examples that end by themselves, as a reader runs them: with the instant scripted model, in an empty folder.

use std::path::PathBuf;
use std::process::Command;

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
