//! Conversations that LangGraph kept are imported and go on.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binary::Home;

fn sample(name: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let crates = crates.expect("a folder of crates");
    crates
        .join("backup/tests/fixtures/langgraph")
        .join(format!("{name}.sqlite"))
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What the model was shown last, as one text.
fn context(home: &Home, user: &str, thread: &str) -> String {
    let shown = home.json(&["threads", "show", thread, "--user", user, "--context"]);
    let parts = shown["context"].as_array().expect("a context");
    let texts = parts.iter().map(|message| message["content"].to_string());
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn imported_conversations_go_on() {
    for name in ["v1", "v3", "v4"] {
        let home = Home::new();
        let file = sample(name);
        let before = fs::read(&file).expect("the sample");
        let would = home.json(&["backup", "import", text_of(&file), "--dry-run"]);
        let done = home.json(&["backup", "import", text_of(&file)]);
        assert_eq!(would["threads"], done["threads"], "{name}");
        assert_eq!(would["langgraph"], done["langgraph"], "{name}");
        let again = home.json(&["backup", "import", text_of(&file)]);
        assert_eq!(again["rows"]["written"], 0, "{name}");
        assert_eq!(again["threads"]["kept"], done["threads"]["created"]);

        let args = [
            "chat",
            "--model",
            "scripted:echo",
            "--user",
            "alice",
            "--thread",
            "long",
        ];
        let said = home.run(&args, "And what did I say?\n");
        assert_eq!(said.code, 0, "{name}: {}", said.stderr);
        let context = context(&home, "alice", "long");
        for old in [
            "The user said 6 things.",
            "hi 4 \u{2713}",
            "And what did I say?",
        ] {
            assert!(context.contains(old), "{name}: {old:?} is not in {context}");
        }
        let shown = home.json(&["threads", "show", "long", "--user", "alice"]);
        let messages = shown["messages"].as_array().expect("messages");
        assert_eq!(
            messages.len(),
            12,
            "{name}: the whole transcript and one more turn"
        );
        assert_eq!(messages[0]["content"], "hi 0 \u{2713}");
        // What has gone on stays as it is.
        let again = home.json(&["backup", "import", text_of(&file), "--on-conflict", "newer"]);
        assert_eq!(again["threads"]["replaced"], 0, "{name}");
        for (user, thread) in [("bob", "kinds"), ("carol", "waits"), ("local", "fork")] {
            let args = [
                "chat",
                "--model",
                "scripted:echo",
                "--user",
                user,
                "--thread",
                thread,
            ];
            let said = home.run(&args, "Go on.\n");
            assert_eq!(said.code, 0, "{name} {thread}: {}", said.stderr);
        }
        home.check();
        assert!(
            fs::read(&file).expect("the sample") == before,
            "{name} was changed"
        );
    }
}

#[test]
fn the_report_says_what_is_not_as_it_was() {
    let home = Home::new();
    let file = sample("v4");
    let done = home.json(&[
        "backup",
        "import",
        text_of(&file),
        "--user",
        "nemo",
        "--dry-run",
    ]);
    let left = done["langgraph"]["left_out"].as_array().expect("a list");
    let runs = left.iter().filter(|left| left["what"] == "run");
    let runs: Vec<&Value> = runs.map(|left| &left["thread_id"]).collect();
    assert_eq!(runs, ["failed", "waits"]);
    assert_eq!(done["langgraph"]["users_named_by"]["chosen"], 1);
    let told = home.run(&["backup", "import", text_of(&file), "--user", "nemo"], "");
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(
        told.stdout
            .contains("thread waits: run (1): it stood in the middle"),
        "{}",
        told.stdout
    );
    assert_eq!(
        home.run(&["threads", "show", "fork", "--user", "nemo"], "")
            .code,
        0
    );
    // Flags that mean nothing for other files.
    let made = home.json(&["backup", "create"]);
    let archive = made["path"].as_str().expect("a path");
    let refused = home.run(&["backup", "import", archive, "--user", "nemo"], "");
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    // The file is no backup of a storage.
    let refused = home.run(&["backup", "restore", text_of(&file), "--yes"], "");
    assert_ne!(refused.code, 0, "{}", refused.stdout);
}
