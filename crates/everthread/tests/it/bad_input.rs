//! What is wrong gets a clear error with its exit code, and nothing is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::binary::{Done, Home};

#[track_caller]
fn expect(done: &Done, code: i32, says: &str) {
    assert_eq!(done.code, code, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stderr.contains(says),
        "{says:?} is not in: {}",
        done.stderr
    );
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

fn chat(home: &Home, input: impl AsRef<[u8]>) -> Done {
    home.run(&["chat", "--model", "scripted:echo"], input)
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let home = Home::new();
    let text = "These are my notes, not a database. ".repeat(200);
    fs::write(home.database(), &text).unwrap();
    expect(&chat(&home, "hello\n"), 5, "chat.db");
    assert_eq!(fs::read_to_string(home.database()).unwrap(), text);
}

#[test]
fn a_truncated_database_is_left_alone() {
    let home = Home::new();
    home.say("main", &["one", "two"]);
    let whole = fs::read(home.database()).unwrap();
    let cut = &whole[..whole.len() / 2 + 100];
    fs::write(home.database(), cut).unwrap();
    let done = home.run(&["storage", "check"], "");
    assert!(matches!(done.code, 1 | 5), "{}{}", done.stdout, done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains("restore a verified backup"), "{said}");
    assert!(
        !said.contains("storage check"),
        "the advice is to do what was done: {said}"
    );
}

#[test]
fn what_cannot_be_written_can_be_read() {
    let home = Home::new();
    home.say("main", &["my dog is called Rex", "and now?"]);
    home.run(&["keys", "create", "--role", "admin"], "");
    // Where this lies nobody can begin the file that SQLite needs to write, whoever it is.
    let place = home.path().join("chat.db-shm");
    std::os::unix::fs::symlink(&place, &place).unwrap();
    let refused = home.run(&["threads", "rename", "main", "dogs"], "");
    expect(&refused, 6, "chat.db");
    assert_eq!(home.messages("main").len(), 4);
    for args in [
        &["threads", "list"][..],
        &["threads", "history", "main"],
        &["threads", "search", "rex"],
        &["users", "list"],
        &["users", "show", "local"],
        &["users", "export", "local"],
        &["keys", "list"],
        &["storage", "stats"],
        &["storage", "check"],
        &["doctor"],
    ] {
        let done = home.run(args, "");
        assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let home = Home::new();
    home.say("main", &["one"]);
    let database = rusqlite::Connection::open(home.database()).unwrap();
    database.pragma_update(None, "user_version", 9999).unwrap();
    database.close().unwrap();
    let before = fs::read(home.database()).unwrap();
    expect(&chat(&home, "hello\n"), 4, "newer");
    assert!(
        fs::read(home.database()).unwrap() == before,
        "the file was changed"
    );
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let home = Home::new();
    let done = home.run(
        &[
            "chat",
            "--model",
            "scripted:echo",
            "--storage",
            "sqlite:no/such/folder/chat.db",
        ],
        "hello\n",
    );
    expect(&done, 3, "no/such/folder");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let home = Home::new();
    let folder = home.path().join("locked");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        // Permissions do not bind root; a folder in place of the file does.
        fs::remove_file(folder.join("probe")).unwrap();
        fs::create_dir(folder.join("chat.db")).unwrap();
    }
    let storage = format!("sqlite:{}", folder.join("chat.db").display());
    let done = home.run(
        &["chat", "--model", "scripted:echo", "--storage", &storage],
        "hello\n",
    );
    assert!(matches!(done.code, 5 | 6), "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("chat.db"), "{}", done.stderr);
}

#[test]
fn odd_texts_are_kept_as_they_are() {
    let home = Home::new();
    let odd = [
        "nul \u{0} inside",
        "e\u{301} \u{202e}right to left",
        "🦀 'quoted' \"twice\" \\ %s $(x)",
    ];
    home.say("main", &odd);
    let human: Vec<String> = home
        .messages("main")
        .into_iter()
        .step_by(2)
        .map(|(_, text)| text)
        .collect();
    assert_eq!(human, odd);
    home.check();
}

#[test]
fn an_empty_line_is_no_turn() {
    let home = Home::new();
    assert_eq!(home.say("main", &["", "  ", "hello"]).len(), 1);
    assert_eq!(home.messages("main").len(), 2);
    expect(&chat(&home, "\n  \n"), 5, "empty message");
    assert_eq!(chat(&home, "").code, 0, "no line is no turn");
    assert_eq!(home.messages("main").len(), 2);
}

#[test]
fn a_message_of_five_megabytes_is_kept_whole() {
    let home = Home::new();
    let long = "all work and no play ".repeat(250_000);
    let done = chat(&home, format!("{long}\nand then\n"));
    assert_eq!(done.code, 0, "{}", done.stderr);
    let messages = home.messages("main");
    assert_eq!(messages.len(), 4);
    assert!(messages[0].1 == long, "the long message was changed");
    home.check();
}

#[test]
fn what_was_said_cannot_command_the_terminal() {
    let home = Home::new();
    home.say("main", &["\u{1b}]0;owned\u{7} and \u{9b}31m rex"]);
    for args in [
        &["threads", "search", "rex"][..],
        &["threads", "show", "main"],
        &["threads", "list"],
    ] {
        let shown = home.run(args, "").stdout;
        assert!(
            !shown.contains(['\u{1b}', '\u{7}', '\u{9b}']),
            "{args:?}: {shown:?}"
        );
    }
    let renamed = home.run(&["threads", "rename", "main", "a\u{1b}[31mb"], "");
    assert!(!renamed.stdout.contains('\u{1b}'), "{:?}", renamed.stdout);
}

#[test]
fn broken_utf8_ends_the_chat_and_loses_nothing() {
    let home = Home::new();
    let done = chat(&home, b"good\nbad \xff\xfe\nnever said\n");
    expect(&done, 5, "line 2 of the input is not UTF-8");
    assert_eq!(home.messages("main").len(), 2);
    home.check();
}

#[test]
fn unknown_things_are_not_found() {
    let home = Home::new();
    home.say("main", &["one"]);
    expect(&home.run(&["threads", "show", "other"], ""), 3, "other");
    expect(
        &home.run(&["threads", "show", "main", "--user", "somebody"], ""),
        3,
        "somebody",
    );
    let never = "0190a000-0000-7000-8000-000000000000";
    expect(
        &home.run(&["threads", "fork", "main", "--at", never], ""),
        3,
        never,
    );
    expect(
        &home.run(&["threads", "fork", "main", "--at", "yesterday"], ""),
        5,
        "yesterday",
    );
    expect(
        &home.run(&["threads", "show", "a\nb"], ""),
        5,
        "control character",
    );
    expect(&home.run(&["threads", "search", "?!"], ""), 5, "word");
    let nowhere = ["threads", "search", "one", "--thread", "other"];
    expect(&home.run(&nowhere, ""), 3, "other");
    let elsewhere = home.run(&["threads", "list", "--storage", "sqlite:none.db"], "");
    expect(&elsewhere, 3, "none.db");
    assert!(!home.path().join("none.db").exists());
}

#[test]
fn a_model_that_is_not_there_is_an_error_before_anything_is_said() {
    let home = Home::new();
    let unknown = home.run(&["chat", "--model", "local:gpt-9"], "hello\n");
    expect(&unknown, 5, "gpt-9");
    let missing = home.run(&["chat", "--model", "local"], "hello\n");
    expect(&missing, 6, "everthread models pull");
    let keyless = home.run(&["chat", "--model", "openai:gpt-4o-mini"], "hello\n");
    expect(&keyless, 6, "OPENAI_API_KEY");
    let nonsense = home.run(&["chat", "--model", "telepathy"], "hello\n");
    expect(&nonsense, 5, "telepathy");
}

#[test]
fn without_a_network_what_was_said_is_kept() {
    let home = Home::new();
    let mut command = home.command(&["chat", "--model", "openai:some-model"]);
    // Port 9 of this machine: nobody listens there.
    command
        .env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        .env("OPENAI_API_KEY", "sk-secret");
    let done = crate::binary::finish(command.spawn().unwrap(), b"do you hear me?\n");
    expect(&done, 6, "openai:some-model");
    assert!(
        !done.stderr.contains("sk-secret"),
        "the key leaked: {}",
        done.stderr
    );
    assert_eq!(
        home.messages("main"),
        [("human".to_owned(), "do you hear me?".to_owned())]
    );
    assert_eq!(home.say("main", &["and now?"]).len(), 1);
    home.check();
}

#[test]
fn a_wrong_configuration_is_named() {
    let home = Home::new();
    fs::write(home.path().join("everthread.toml"), "modle = \"local\"\n").unwrap();
    expect(&home.run(&["threads", "list"], ""), 5, "modle");
    expect(
        &home.run(&["threads", "list", "--config", "none.toml"], ""),
        3,
        "none.toml",
    );
}

#[test]
fn a_wrong_command_line_is_usage() {
    let home = Home::new();
    assert_eq!(home.run(&["threads", "dance"], "").code, 2);
    assert_eq!(home.run(&["threads", "delete", "x", "--maybe"], "").code, 2);
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let home = Home::new();
    home.say("main", &["hello"]);
    let mut child = home.command(&["threads", "list"]).spawn().unwrap();
    // Gone before anything is written: the pipe is closed on this side.
    drop(child.stdout.take());
    let done = crate::binary::finish(child, b"");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
}

#[test]
fn weights_in_the_wrong_file_are_the_files_fault() {
    let home = Home::new();
    fs::write(home.path().join("notes.gguf"), "notes").unwrap();
    let pull = |file| home.run(&["models", "pull", "smollm2-135m", "--file", file], "");
    let wrong = pull("notes.gguf");
    expect(&wrong, 5, "notes.gguf does not hold the weights");
    assert!(!wrong.stderr.contains("models pull"), "{}", wrong.stderr);
    expect(&pull("nowhere.gguf"), 3, "nowhere.gguf");
}
