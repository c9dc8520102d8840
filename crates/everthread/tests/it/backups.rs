//! `everthread backup`, as a script uses it.

use std::path::PathBuf;

use crate::binary::Home;

fn home() -> Home {
    let home = Home::new();
    home.say("main", &["My name is Anna.", "My dog is called Rex."]);
    home.say("plans", &["Let us plan a holiday."]);
    home
}

fn made(home: &Home, args: &[&str]) -> PathBuf {
    let document = home.json(&[&["backup"], args].concat());
    PathBuf::from(document["path"].as_str().expect("a path"))
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_storage_comes_back_from_each_form() {
    for args in [
        &["create", "--kind", "snapshot", "--verify"][..],
        &["create"],
        &["export"],
    ] {
        let home = home();
        let before = home.messages("main");
        let file = made(&home, args);
        assert!(file.starts_with(home.path().join("backups")));
        home.json(&["backup", "verify", text(&file)]);
        home.run(&["threads", "delete", "main", "--yes"], "");
        home.say("other", &["Something else."]);
        let would = home.json(&["backup", "restore", text(&file), "--dry-run"]);
        assert_eq!(would["before"]["threads"], 2);
        assert_eq!(would["after"]["threads"], 2);
        assert!(home.run(&["threads", "show", "main"], "").code == 3);
        let done = home.json(&["backup", "restore", text(&file), "--yes"]);
        let kept = PathBuf::from(done["safety_copy"].as_str().expect("a safety copy"));
        assert!(kept.exists());
        assert_eq!(home.messages("main"), before, "{args:?}");
        assert!(home.run(&["threads", "show", "other"], "").code == 3);
        home.check();
    }
}

#[test]
fn a_conversation_comes_back_alone() {
    let home = home();
    let before = home.messages("main");
    let file = made(&home, &["export", "main.json", "--thread", "main"]);
    home.run(&["threads", "delete", "main", "--yes"], "");
    home.say("later", &["Something else."]);
    let would = home.json(&["backup", "import", text(&file), "--dry-run"]);
    assert_eq!(would["threads"]["created"], 1);
    assert_eq!(home.run(&["threads", "show", "main"], "").code, 3);
    home.json(&["backup", "import", text(&file)]);
    assert_eq!(home.messages("main"), before);
    let again = home.json(&["backup", "import", text(&file)]);
    assert_eq!(again["threads"]["kept"], 1);
    home.say("main", &["Who is Rex?"]);
    let copied = home.json(&["backup", "import", text(&file), "--on-conflict", "copy"]);
    assert_eq!(copied["threads"]["copied"], 1);
    home.json(&["backup", "restore", text(&file), "--yes"]);
    assert_eq!(home.messages("main"), before);
    assert_eq!(home.messages("later").len(), 2);
    home.check();
}

#[test]
fn backups_are_listed_and_pruned() {
    let home = home();
    for prefix in ["everthread_", "mine_"] {
        made(&home, &["create", "--prefix", prefix]);
        made(&home, &["create", "--kind", "snapshot", "--prefix", prefix]);
    }
    let listed = home.json(&["backup", "list"]);
    assert_eq!(listed["backups"].as_array().expect("a list").len(), 4);
    assert_eq!(listed["backups"][0]["verified_at"], serde_json::Value::Null);
    let args = ["backup", "prune", "--keep-last", "1", "--keep-daily", "0"];
    let would = home.json(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(would["deleted"].as_array().expect("a list").len(), 1);
    home.json(&args);
    let listed = home.json(&["backup", "list"]);
    assert_eq!(listed["backups"].as_array().expect("a list").len(), 3);
}

#[test]
fn a_server_makes_backups_by_itself() {
    let home = home();
    let mut server = home
        .command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--model",
            "scripted:echo",
        ])
        .env("EVERTHREAD_BACKUP_EVERY_H", "1")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts");
    let dir = home.path().join("backups");
    let verified = || {
        let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name());
        names
            .filter(|name| name.to_string_lossy().ends_with(".zip.verified"))
            .count()
    };
    let since = std::time::Instant::now();
    while verified() == 0 && since.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.kill().expect("the server can be stopped");
    server.wait().expect("the server ends");
    assert_eq!(verified(), 1);
    let listed = home.json(&["backup", "list"]);
    assert_eq!(listed["backups"].as_array().expect("a list").len(), 1);
}

#[test]
fn exit_codes_say_what_is_wrong() {
    let home = home();
    let file = made(&home, &["create"]);
    let bad = home.path().join("bad.zip");
    let bytes = std::fs::read(&file).expect("the archive");
    std::fs::write(&bad, &bytes[..bytes.len() / 2]).expect("a file");
    std::fs::write(home.path().join("other.txt"), "hello").expect("a file");
    for (args, code) in [
        (&["verify", "no.zip"][..], 3),
        (&["verify", "other.txt"], 5),
        (&["verify", "bad.zip"], 5),
        (&["restore", "bad.zip", "--yes"], 5),
        (&["restore", text(&file)], 2),
        (&["import", "other.txt"], 5),
        (&["create", "--kind", "snapshot", "--user", "local"], 5),
        (&["create", "--user", "nobody"], 3),
        (&["create", "--prefix", "../x"], 5),
        (&["export", "bad.zip"], 4),
        (&["list", "--dir", "nowhere"], 3),
    ] {
        let done = home.run(&[&["backup"], args].concat(), "");
        assert_eq!(done.code, code, "{args:?}: {}", done.stderr);
    }
    // Somebody has the storage open.
    let mut chat = home
        .command(&["chat", "--model", "scripted:echo"])
        .spawn()
        .expect("the binary starts");
    let owners = home.path().join("chat.db-owners");
    let since = std::time::Instant::now();
    while std::fs::read_dir(&owners).map_or(0, Iterator::count) == 0 {
        assert!(
            since.elapsed().as_secs() < 30,
            "the chat never opened its storage"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let done = home.run(&["backup", "restore", text(&file), "--yes"], "");
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("in use"), "{}", done.stderr);
    drop(chat.stdin.take());
    chat.wait().expect("the chat ends");
    home.check();
}
