//! Many at once: on one conversation the turns follow each other, on different ones all go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use everthread::graph::contract::{ThreadId, ThreadKey, UserId};
use everthread::model;
use everthread::prelude::*;

use crate::binary::{Home, finish};

fn human(messages: &[(String, String)]) -> BTreeSet<&str> {
    messages
        .iter()
        .filter(|(who, _)| who == "human")
        .map(|(_, text)| text.as_str())
        .collect()
}

#[test]
fn two_processes_on_one_conversation_lose_no_turn() {
    let home = Home::new();
    let lines = |who: &str| (0..20).map(|i| format!("{who} {i}\n")).collect::<String>();
    let start = || {
        let command = &["chat", "--thread", "t", "--model", "scripted:echo"];
        home.command(command).spawn().expect("the binary starts")
    };
    let (one, two) = (start(), start());
    let other = lines("two");
    let second = std::thread::spawn(move || finish(two, other.as_bytes()));
    let first = finish(one, lines("one").as_bytes());
    let second = second.join().expect("it ends");
    assert_eq!(
        (first.code, second.code),
        (0, 0),
        "{}{}",
        first.stderr,
        second.stderr
    );

    let messages = home.messages("t");
    assert_eq!(messages.len(), 80);
    assert_eq!(human(&messages).len(), 40);
    for pair in messages.chunks(2) {
        assert_eq!(
            (pair[0].0.as_str(), pair[1].0.as_str()),
            ("human", "ai"),
            "turns do not mix"
        );
    }
    home.check();
}

#[test]
fn two_processes_on_different_conversations_both_go_on() {
    let home = Home::new();
    let lines: String = (0..20).map(|i| format!("line {i}\n")).collect();
    let start = |thread: &str| {
        let command = &["chat", "--thread", thread, "--model", "scripted:echo"];
        home.command(command).spawn().expect("the binary starts")
    };
    let (one, two) = (start("one"), start("two"));
    let input = lines.clone();
    let second = std::thread::spawn(move || finish(two, input.as_bytes()));
    let first = finish(one, lines.as_bytes());
    let second = second.join().expect("it ends");
    assert_eq!(
        (first.code, second.code),
        (0, 0),
        "{}{}",
        first.stderr,
        second.stderr
    );
    assert_eq!(
        (home.messages("one").len(), home.messages("two").len()),
        (40, 40)
    );
    home.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_tasks_on_one_conversation_lose_no_turn() {
    let home = Home::new();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(SqliteOptions::at(home.database())).expect("opens"));
    let spec: ModelSpec = "scripted:echo".parse().expect("a specification");
    let model = model::open(&spec, &ModelConfig::default()).expect("opens");
    let bot = Chatbot::new(Arc::clone(&store), model, ContextPolicy::default()).expect("a graph");
    let key = ThreadKey {
        user: UserId::new("local").expect("an id"),
        thread: ThreadId::new("t").expect("an id"),
    };
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..50 {
        let mut conversation = bot.conversation(key.clone());
        tasks.spawn(async move {
            conversation
                .say(Message::human(format!("task {i}")), &mut |_| {})
                .await?;
            conversation.rest().await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic").expect("every turn is answered");
    }
    store.close().await.expect("closes");
    let messages = home.messages("t");
    assert_eq!(messages.len(), 100);
    assert_eq!(human(&messages).len(), 50);
    home.check();
}
