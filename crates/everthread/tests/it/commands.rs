//! The commands, as a script uses them.

use serde_json::Value;

use crate::binary::Home;

#[test]
fn a_conversation_goes_on_after_a_restart() {
    let home = Home::new();
    let first = home.say("main", &["My name is Anna.", "My dog is called Rex."]);
    let second = home.say("main", &["What is my dog's name?"]);
    assert_eq!((first.len(), second.len()), (2, 1));
    let messages = home.messages("main");
    assert_eq!(messages.len(), 6);
    assert_eq!(messages[4].1, "What is my dog's name?");
    assert_eq!(messages[5].1, second[0]);
}

#[test]
fn after_twenty_turns_all_forty_messages_are_there_and_the_context_is_short() {
    let home = Home::new();
    let mut lines = vec!["My dog is called Rex.".to_owned()];
    lines.extend((1..20).map(|i| format!("Let us talk about topic {i}.")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    home.say("main", &lines);
    home.say("main", &["What is my dog's name?"]);
    let shown = home.json(&["threads", "show", "main", "--context"]);
    assert_eq!(shown["messages"].as_array().unwrap().len(), 42);
    let context = shown["context"].as_array().unwrap();
    assert!(
        context.len() <= 8,
        "{} messages in the context",
        context.len()
    );
    let sent = shown["context"].to_string();
    assert!(
        sent.contains("Rex"),
        "the fact is not in the context: {sent}"
    );
    assert!(shown["summary"].as_str().unwrap().contains("Rex"));
    assert_eq!(shown["context_is_exact"], true);
    std::fs::write(
        home.path().join("everthread.toml"),
        "[chat]\nsystem = \"Speak like a pirate.\"\n",
    )
    .unwrap();
    let changed = home.json(&["threads", "show", "main", "--context"]);
    assert_eq!(
        changed["context_is_exact"], false,
        "other settings, another context"
    );
}

#[test]
fn each_use_of_the_chat_is_a_session() {
    let home = Home::new();
    home.say("main", &["My name is Anna.", "My dog is called Rex."]);
    home.say("plans", &["Let us plan a holiday."]);
    let shown = home.json(&["users", "show", "local"]);
    let sessions = shown["sessions"].as_array().unwrap();
    let told: Vec<_> = sessions
        .iter()
        .map(|one| (&one["client"], &one["thread_id"], &one["turns"]))
        .collect();
    let client = "everthread chat".into();
    assert_eq!(
        told,
        [
            (&client, &"plans".into(), &1.into()),
            (&client, &"main".into(), &2.into())
        ]
    );
}

#[test]
fn a_model_that_cannot_answer_is_refused_before_it_is_fetched() {
    let home = Home::new();
    let refused = home.run(&["chat", "--model", "local:minilm"], "hello\n");
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("cannot answer"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_conversation_whose_first_turn_failed_gets_its_title_later() {
    let home = Home::new();
    let failed = home.run(
        &["chat", "--model", "scripted:fail"],
        "Plan my holiday. Soon.\n",
    );
    assert_eq!(failed.code, 6, "{}", failed.stderr);
    home.say("main", &["Are you there?"]);
    assert_eq!(
        home.json(&["threads", "list"])["threads"][0]["title"],
        "Plan my holiday"
    );
}

#[test]
fn errors_are_one_document() {
    let home = Home::new();
    let missing = home.run(&["threads", "show", "nothing", "--json"], "");
    let document: serde_json::Value = serde_json::from_str(&missing.stdout).unwrap();
    assert_eq!(
        (missing.code, &document["error"]["code"]),
        (3, &"not_found".into())
    );
}

#[test]
fn a_benchmark_never_writes_where_the_environment_points() {
    let home = Home::new();
    let done = home.run(&["bench", "turns", "--turns", "3", "--json"], "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(!home.database().exists());
}

#[test]
fn conversations_are_listed_changed_and_deleted() {
    let home = Home::new();
    home.say("work", &["The deadline is on Friday."]);
    home.say("home", &["Buy apples."]);
    let titles = |args: &[&str]| -> Vec<String> {
        let listed = home.json(args);
        let threads = listed["threads"].as_array().unwrap();
        threads
            .iter()
            .map(|thread| thread["title"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        titles(&["threads", "list"]),
        ["Buy apples", "The deadline is on Friday"]
    );
    home.json(&["threads", "pin", "work"]);
    home.json(&["threads", "rename", "work", "Deadlines"]);
    assert_eq!(titles(&["threads", "list"]), ["Deadlines", "Buy apples"]);
    home.json(&["threads", "archive", "home"]);
    assert_eq!(titles(&["threads", "list"]), ["Deadlines"]);
    assert_eq!(
        titles(&["threads", "list", "--archived"]),
        ["Deadlines", "Buy apples"]
    );
    assert_eq!(home.run(&["threads", "delete", "home"], "").code, 2);
    assert_eq!(
        home.json(&["threads", "delete", "home", "--yes"])["deleted"]["messages"],
        2
    );
    assert_eq!(home.run(&["threads", "show", "home"], "").code, 3);
    assert!(
        home.json(&["threads", "search", "apples"])["hits"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    home.check();
}

#[test]
fn search_finds_what_was_said_and_only_ones_own() {
    let home = Home::new();
    home.say(
        "main",
        &["The café in Málaga was lovely.", "Something else."],
    );
    home.run(
        &["chat", "--user", "bob", "--model", "scripted:echo"],
        "Bob was in Malaga too.\n",
    );
    let hits = home.json(&["threads", "search", "MALAGA", "cafe"]);
    let hits = hits["hits"].as_array().unwrap();
    let human: Vec<_> = hits
        .iter()
        .filter(|hit| hit["message"]["type"] == "human")
        .collect();
    assert_eq!(human.len(), 1, "{hits:?}");
    assert!(human[0]["snippet"].as_str().unwrap().contains("Málaga"));
    for hit in hits {
        assert!(!hit.to_string().contains("Bob"), "{hit}");
    }
}

#[test]
fn a_fork_goes_back_and_loses_nothing() {
    let home = Home::new();
    home.say("main", &["one", "two", "three"]);
    let forked = home.json(&["threads", "fork", "main"]);
    assert_eq!(forked["messages"], 4);
    home.say("main", &["another three"]);
    let texts: Vec<String> = home
        .messages("main")
        .into_iter()
        .step_by(2)
        .map(|(_, text)| text)
        .collect();
    assert_eq!(texts, ["one", "two", "another three"]);
    let history = home.json(&["threads", "history", "main", "--limit", "100"]);
    let checkpoints = history["checkpoints"].as_array().unwrap();
    let branches = home.json(&["threads", "list"])["threads"][0]["branches"].clone();
    assert_eq!(branches, 2);
    let old = checkpoints.iter().filter_map(|checkpoint| {
        let id = checkpoint["id"].as_str()?;
        let shown = home.json(&["threads", "show", "main", "--at", id]);
        Some(shown["messages"].to_string())
    });
    assert!(
        old.into_iter()
            .any(|messages| messages.contains("\"three\"")),
        "the other line is gone"
    );
    home.check();
}

#[test]
fn the_graph_is_drawn_in_three_forms() {
    let home = Home::new();
    let mermaid = home.run(&["graph", "draw"], "");
    assert_eq!(mermaid.code, 0, "{}", mermaid.stderr);
    for part in ["graph TD", "chat", "summarize", "-.->"] {
        assert!(
            mermaid.stdout.contains(part),
            "{part} is not in {}",
            mermaid.stdout
        );
    }
    for (format, begins) in [("svg", &b"<svg"[..]), ("png", &b"\x89PNG"[..])] {
        let file = format!("graph.{format}");
        let done = home.run(
            &["graph", "draw", "--format", format, "--output", &file],
            "",
        );
        assert_eq!(done.code, 0, "{}", done.stderr);
        let drawn = std::fs::read(home.path().join(file)).unwrap();
        assert!(
            drawn
                .windows(begins.len())
                .take(200)
                .any(|window| window == begins),
            "{format}"
        );
    }
}

#[test]
fn storage_says_how_large_it_is() {
    let home = Home::new();
    home.say("main", &["one", "two"]);
    let stats = home.json(&["storage", "stats"]);
    assert_eq!(
        (&stats["users"], &stats["threads"], &stats["messages"]),
        (&1.into(), &1.into(), &4.into())
    );
    assert!(stats["file_bytes"].as_u64().unwrap() > 0);
    let checked = home.json(&["storage", "check"]);
    assert_eq!(checked["messages"], 4);
    assert_eq!(checked["problems"].as_array().unwrap().len(), 0);
}

#[test]
fn benchmarks_print_lines_of_json() {
    let home = Home::new();
    let lines = |args: &[&str]| -> Vec<serde_json::Value> {
        let done = home.run(&[args, &["--json"]].concat(), "");
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let turns = lines(&[
        "bench",
        "turns",
        "--turns",
        "20",
        "--storage",
        "sqlite:turns.db",
    ]);
    assert_eq!(
        (&turns[0]["turns"], &turns[0]["errors"]),
        (&20.into(), &0.into())
    );
    assert!(turns[0]["turns_per_s"].as_f64().unwrap() > 0.0);
    let alone = lines(&["bench", "turns", "--turns", "20", "--storage", "none"]);
    assert_eq!(alone[0]["storage"], "none");
    let growth = lines(&[
        "bench",
        "growth",
        "--turns",
        "50",
        "--storage",
        "sqlite:growth.db",
    ]);
    let marks: Vec<_> = growth.iter().map(|line| line["messages"].clone()).collect();
    assert_eq!(marks, [0, 10, 100]);
    let small = &[
        "bench",
        "resume",
        "--threads",
        "10",
        "--messages",
        "20",
        "--storage",
        "sqlite:resume.db",
    ];
    assert_eq!(lines(small)[0]["messages"], 20);
    let again = home.run(
        &[
            "bench",
            "turns",
            "--turns",
            "1",
            "--storage",
            "sqlite:turns.db",
        ],
        "",
    );
    assert_eq!(
        again.code, 4,
        "a benchmark must not write into a file that is there"
    );
}

#[test]
fn models_are_listed_with_size_and_licence() {
    let home = Home::new();
    let listed = home.json(&["models", "list"]);
    let models = listed["models"].as_array().unwrap();
    assert!(models.len() >= 3);
    for model in models {
        assert!(model["bytes"].as_u64().unwrap() > 1_000_000);
        assert_eq!(model["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(model["installed"], false);
        assert_eq!(model["standing"], "missing");
    }
    let done = home.run(
        &["models", "pull", "smollm2-135m", "--file", "nowhere.gguf"],
        "",
    );
    assert!(
        matches!(done.code, 3 | 5 | 6),
        "{}{}",
        done.code,
        done.stderr
    );
}

#[test]
fn the_doctor_says_what_to_do() {
    let home = Home::new();
    home.say("main", &["one"]);
    let done = home.run(&["doctor"], "");
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("everthread models pull"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_held_user_keeps_what_is_theirs() {
    let home = Home::new();
    home.say("main", &["one"]);
    assert_eq!(home.run(&["users", "hold", "local"], "").code, 0);
    for args in [
        &["threads", "delete", "main", "--yes"][..],
        &["users", "erase", "local", "--yes"],
    ] {
        let done = home.run(args, "");
        assert_eq!(done.code, 4, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains("hold"), "{args:?}: {}", done.stderr);
    }
    assert_eq!(home.messages("main").len(), 2);
    assert_eq!(home.run(&["users", "unhold", "local"], "").code, 0);
    assert_eq!(
        home.run(&["threads", "delete", "main", "--yes"], "").code,
        0
    );
}

#[test]
fn an_erased_user_leaves_no_key() {
    let home = Home::new();
    home.say("main", &["one"]);
    let create = ["keys", "create", "--role", "user", "--user", "local"];
    assert_eq!(home.run(&create, "").code, 0);
    let erased = home.json(&["users", "erase", "local", "--yes"]);
    assert_eq!(erased["erased"]["keys"], 1);
    let keys = home.json(&["keys", "list"]);
    assert_eq!(keys["keys"][0]["user"], Value::Null);
    assert!(keys["keys"][0]["revoked_at"].is_string());
    assert_eq!(home.run(&["users", "erase", "local", "--yes"], "").code, 3);
}

#[test]
fn what_lies_on_another_branch_is_found_and_exported() {
    let home = Home::new();
    home.say("main", &["zebra one", "zebra two"]);
    home.json(&["threads", "fork", "main"]);
    let found = home.json(&["threads", "search", "zebra", "two"]);
    let hits = found["hits"].as_array().unwrap();
    let at = hits[0]["checkpoint"]
        .as_str()
        .expect("it is on another branch");
    let shown = home.json(&["threads", "show", "main", "--at", at]);
    assert!(shown["messages"].to_string().contains("zebra two"));
    let lines = home.run(&["threads", "search", "zebra", "two"], "").stdout;
    assert!(lines.contains(&format!("--at {at}")), "{lines}");
    let head = home.json(&["threads", "search", "zebra", "one"]);
    assert_eq!(head["hits"][0]["checkpoint"], Value::Null);

    let export = home.run(&["users", "export", "local"], "");
    let export: Value = serde_json::from_str(&export.stdout).unwrap();
    let thread = &export["threads"][0];
    let messages = thread["messages"].as_array().unwrap();
    let at_head = messages.iter().filter(|message| message["at_head"] == true);
    assert_eq!((messages.len(), at_head.count()), (4, 2));
    assert_eq!(thread["branches"].as_array().unwrap().len(), 2);
    let shown = home.json(&["threads", "history", "main"]);
    let checkpoints = shown["checkpoints"].as_array().unwrap().len();
    assert_eq!(thread["checkpoints"].as_array().unwrap().len(), checkpoints);
}

#[test]
fn scripts_get_a_turn_as_a_line_of_json() {
    let home = Home::new();
    let chat = ["chat", "--model", "scripted:echo", "--json"];
    let done = home.run(&chat, "one\n\ntwo\n");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let turns: Vec<Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let messages = home.messages("main");
    assert_eq!(turns.len(), 2);
    for (turn, said) in turns.iter().zip(messages.chunks(2)) {
        assert_eq!(turn["message"], said[0].1.as_str());
        assert_eq!(turn["reply"], said[1].1.as_str());
        assert_eq!(
            (&turn["user"], &turn["thread"]),
            (&"local".into(), &"main".into())
        );
    }
    let failed = home.run(&chat, b"three\n\xff\n");
    assert_eq!(failed.code, 5);
    let (turn, error) = failed.stdout.split_once('\n').unwrap();
    let (turn, error): (Value, Value) = (
        serde_json::from_str(turn).unwrap(),
        serde_json::from_str(error).unwrap(),
    );
    assert_eq!(turn["message"], "three");
    assert_eq!(error["error"]["code"], "invalid_input");

    let drawn = home.json(&["graph", "draw"]);
    assert!(drawn["drawn"]["text"].as_str().unwrap().contains("chat"));
    let file = ["graph", "draw", "--format", "svg", "--output", "graph.svg"];
    let size = home.json(&file)["drawn"]["bytes"].as_u64().unwrap();
    let written = std::fs::metadata(home.path().join("graph.svg")).unwrap();
    assert_eq!(written.len(), size);
}
