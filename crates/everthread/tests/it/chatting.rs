//! Conversations when models fail and processes vanish.

use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread::graph::contract::{ThreadId, ThreadKey, UserId};
use everthread::model::ModelErrorKind;
use everthread::model::scripted::Scripted;
use everthread::prelude::*;
use rusqlite::Connection;

use crate::binary::Home;

fn key() -> ThreadKey {
    ThreadKey {
        user: UserId::new("local").expect("an id"),
        thread: ThreadId::new("t").expect("an id"),
    }
}

fn store(home: &Home) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(SqliteOptions::at(home.database())).expect("opens"))
}

#[tokio::test]
async fn a_failing_summariser_loses_no_turn_and_no_fact() {
    let home = Home::new();
    let store = store(&home);
    let model = Scripted::answering(|request| {
        let asked = request
            .messages
            .last()
            .expect("a message")
            .text()
            .into_owned();
        if asked.contains("Write a short summary") {
            return Err(ModelErrorKind::Unavailable);
        }
        Ok("A long answer that fills the window. ".repeat(200))
    });
    let bot = Chatbot::new(
        Arc::clone(&store),
        Arc::new(model),
        ContextPolicy::default(),
    )
    .expect("a graph");
    let mut talk = bot.conversation(key());
    talk.say(Message::human("My dog is called Rex."), &mut |_| {})
        .await
        .expect("answered");
    for i in 0..120 {
        talk.say(
            Message::human(format!("Tell me about topic {i}.")),
            &mut |_| {},
        )
        .await
        .expect("answered");
        talk.rest().await.expect("a failing summary is no error");
    }
    let sent = bot
        .sent(&key(), everthread::graph::contract::At::Head)
        .await
        .expect("readable")
        .expect("there");
    let shown: String = sent
        .context
        .messages
        .iter()
        .map(|message| message.text().into_owned())
        .collect();
    assert!(sent.is_exact);
    assert!(shown.contains("Rex"), "the fact is gone from the context");
    store.close().await.expect("closes");
    assert_eq!(home.messages("t").len(), 242);
}

#[test]
fn turns_that_waited_when_their_processes_died_are_said_once_and_hold_nobody_up() {
    let home = Home::new();
    home.say("t", &["the beginning"]);
    let start = |line: &str| {
        use std::io::Write;
        let command = &["chat", "--thread", "t", "--model", "scripted:slow"];
        let mut child = home.command(command).spawn().expect("the binary starts");
        let stdin = child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{line}").expect("it listens");
        child
    };
    let database = Connection::open(home.database()).expect("opens");
    let until = |status: &str, wanted: i64| {
        let deadline = Instant::now() + Duration::from_secs(20);
        let count = "SELECT count(*) FROM runs WHERE status = ?1";
        while database
            .query_row(count, [status], |row| row.get::<_, i64>(0))
            .expect("readable")
            != wanted
        {
            assert!(
                Instant::now() < deadline,
                "there are never {wanted} runs that are {status}"
            );
            std::thread::yield_now();
        }
    };
    let mut children = vec![start("the active one")];
    until("running", 1);
    children.push(start("the first that waits"));
    until("pending", 1);
    children.push(start("the second that waits"));
    until("pending", 2);
    for child in &mut children {
        child.kill().expect("it can be killed");
    }
    for mut child in children {
        child.wait().expect("it ends");
    }
    drop(database);

    // A model that is down: what waited is kept in the conversation, and nobody waits for it any more.
    let down = home.run(
        &["chat", "--thread", "t", "--model", "scripted:fail"],
        "while it is down\n",
    );
    assert_eq!(down.code, 6, "{}", down.stderr);
    assert_eq!(home.say("t", &["and now?"]).len(), 1);
    let kept = home.messages("t");
    for line in [
        "the active one",
        "the first that waits",
        "the second that waits",
        "and now?",
    ] {
        assert_eq!(
            kept.iter().filter(|(_, text)| text == line).count(),
            1,
            "{line:?} in {kept:?}"
        );
    }
    home.check();
}
