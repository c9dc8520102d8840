//! The search index: it follows by itself, it takes up what others left, and long texts are found all the same.

use std::time::{Duration, Instant};

use everthread_graph::contract::{ThreadKey, UserId};
use everthread_store::conformance::{Ids, Talk, key, sound};
use everthread_store::{Hit, Search, Store};

use crate::conformance::SchemaFactory;

/// How long the index may take here: some of its intervals, on a machine that does other things.
const DEADLINE: Duration = Duration::from_secs(20);

async fn find(store: &dyn Store, user: &UserId, words: &str) -> Vec<Hit> {
    let search = Search {
        words: words.to_owned(),
        thread: None,
        offset: 0,
        limit: 99,
    };
    store.search(user, search).await.unwrap()
}

async fn until_nothing_is_behind(store: &dyn Store) {
    let since = Instant::now();
    while store.stats().await.unwrap().unindexed > 0 {
        assert!(since.elapsed() < DEADLINE, "the index stays behind");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Nobody asks for it.
#[tokio::test]
async fn the_index_follows_what_is_written() {
    let factory = SchemaFactory::new();
    let mut options = factory.options();
    options.index_interval = Duration::from_millis(20);
    let store = everthread_postgres::PostgresStore::open(options)
        .await
        .unwrap();
    let ids = Ids::new();
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    for n in 0..200 {
        talk.turn(&format!("zebra {n}"), "yes").await;
    }
    until_nothing_is_behind(&store).await;
    assert_eq!(find(&store, &talk.key.user, "zebra").await.len(), 99);
    assert_eq!(find(&store, &talk.key.user, "zebra 17*").await.len(), 11);
    sound(&store).await;
}

/// A process that ends before it indexed what it wrote leaves it to those that start.
#[tokio::test]
async fn what_a_process_left_is_indexed_by_the_next() {
    let factory = SchemaFactory::new();
    let ids = Ids::new();
    let mut options = factory.options();
    options.index_interval = Duration::from_secs(3_600);
    let lazy = everthread_postgres::PostgresStore::open(options)
        .await
        .unwrap();
    Talk::new(&lazy, &ids, "alice", "1")
        .turn("zebra", "yes")
        .await;
    assert_eq!(lazy.stats().await.unwrap().unindexed, 2);
    let mut options = factory.options();
    options.index_interval = Duration::from_millis(20);
    let next = everthread_postgres::PostgresStore::open(options)
        .await
        .unwrap();
    until_nothing_is_behind(&next).await;
    let user = UserId::new("alice").unwrap();
    assert_eq!(find(&next, &user, "zebra").await.len(), 1);
    sound(&next).await;
}

/// A text of more words than a row of the index takes.
#[tokio::test]
async fn every_word_of_a_huge_text_is_found() {
    let factory = SchemaFactory::new();
    let (store, ids) = (factory.store().await, Ids::new());
    let many: Vec<String> = (0..200_000).map(|n| format!("word{n}")).collect();
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    talk.turn(&many.join(" "), "short").await;
    for _ in 0..2 {
        for (words, found) in [
            ("word0", 1),
            ("word199999", 1),
            ("word200000", 0),
            ("short", 1),
        ] {
            let hits = find(&store, &talk.key.user, words).await;
            assert_eq!(hits.len(), found, "{words}");
        }
        store.settle().await.unwrap();
    }
    sound(&store).await;
}

/// Whatever is deleted while it is indexed, nothing of it is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_goes_while_it_is_indexed_leaves_nothing() {
    let factory = SchemaFactory::new();
    let (store, ids) = (factory.store().await, Ids::by_clock());
    for round in 0..10 {
        let keys: Vec<ThreadKey> = (0..4)
            .map(|n| key("alice", &format!("{round} {n}")))
            .collect();
        for key in &keys {
            let mut talk = Talk::new(&store, &ids, "alice", key.thread.as_str());
            talk.turn("zebra", "yes").await;
        }
        let deleting = async {
            for key in &keys {
                store.delete_thread(key).await.unwrap();
            }
        };
        let (settled, ()) = tokio::join!(store.settle(), deleting);
        settled.unwrap();
    }
    store.settle().await.unwrap();
    let user = UserId::new("alice").unwrap();
    assert!(find(&store, &user, "zebra").await.is_empty());
    assert_eq!(store.stats().await.unwrap().messages, 0);
    sound(&store).await;
}
