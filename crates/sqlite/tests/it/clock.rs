//! What depends on the time, by a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use everthread_graph::contract::{Admission, Checkpointer, ItemQuery, Items, Multitask, UserId};
use everthread_sqlite::{Clock, SqliteOptions, SqliteStore};
use everthread_store::conformance::{Ids, Talk, apply, json, key, sound};
use everthread_store::{ListUsers, NewThread, RunEvent, Store};

/// Later than the times inside the ids of a test.
const LATE_MS: i64 = 1_800_000_000_000;

/// A store, and its time.
fn at(ms: i64) -> (SqliteStore, Arc<AtomicI64>) {
    let time = Arc::new(AtomicI64::new(ms));
    let mut options = SqliteOptions::memory();
    let shown = Arc::clone(&time);
    options.clock = Clock::new(move || shown.load(Ordering::Relaxed));
    (SqliteStore::open(options).unwrap(), time)
}

async fn items(store: &SqliteStore, user: &UserId, refresh: bool) -> Vec<(String, Option<i64>)> {
    let query = ItemQuery {
        refresh,
        ..ItemQuery::default()
    };
    let found = store.search_items(user, query).await.unwrap();
    let mut found: Vec<_> = found
        .into_iter()
        .map(|item| (item.key, item.expires_ms))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn an_item_ends_when_its_time_is_over_and_lives_on_when_it_is_refreshed() {
    let (store, time) = at(1_000);
    let alice = key("alice", "x").user;
    let namespace = ["a".to_owned()];
    for (name, end) in [
        ("short", Some(1_100)),
        ("long", Some(2_000)),
        ("never", None),
    ] {
        store
            .put_item(&alice, &namespace, name, Some(json("1")), end)
            .await
            .unwrap();
    }
    time.store(1_099, Ordering::Relaxed);
    assert_eq!(items(&store, &alice, false).await.len(), 3);
    assert!(
        store
            .refresh_item(&alice, &namespace, "short")
            .await
            .unwrap()
    );
    assert!(
        store
            .refresh_item(&alice, &namespace, "never")
            .await
            .unwrap()
    );
    time.store(1_198, Ordering::Relaxed);
    let refreshed = items(&store, &alice, true).await;
    let expected = [
        ("long", Some(2_198)),
        ("never", None),
        ("short", Some(1_298)),
    ];
    assert_eq!(
        refreshed,
        expected.map(|(name, end)| (name.to_owned(), end))
    );
    time.store(1_298, Ordering::Relaxed);
    assert_eq!(items(&store, &alice, false).await.len(), 2);
    assert!(
        !store
            .refresh_item(&alice, &namespace, "short")
            .await
            .unwrap()
    );
    assert_eq!(store.stats().await.unwrap().items, 3);
    let bob = key("bob", "x").user;
    store
        .put_item(&bob, &namespace, "k", None, None)
        .await
        .unwrap();
    assert_eq!(
        store.stats().await.unwrap().items,
        2,
        "another write took it along"
    );
}

#[tokio::test]
async fn a_queued_run_begins_when_its_time_has_come() {
    let (store, time) = at(1_000);
    let ids = Ids::new();
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    let run = ids.new_run(Multitask::Enqueue);
    store
        .enqueue_run(&talk.key, run.clone(), Some(1_500))
        .await
        .unwrap();
    let early = apply(&store, talk.step().start(&run).build()).await;
    assert_eq!(early.unwrap(), Admission::Queued { ahead: 0 });
    time.store(1_499, Ordering::Relaxed);
    let waiting_on = talk.key.clone();
    let waits = store.wait_turn(&waiting_on, run.id);
    tokio::pin!(waits);
    // Looked at once, it waits; when the time has come, it ends by itself.
    assert!(futures::poll!(waits.as_mut()).is_pending());
    time.store(1_500, Ordering::Relaxed);
    waits.await.unwrap();
    let step = talk.step().start(&run);
    assert!(matches!(talk.apply(step, 0).await, Admission::Applied(_)));
}

#[tokio::test]
async fn what_is_over_and_what_is_old_goes_by_the_clock() {
    let (store, time) = at(1_000);
    let ids = Ids::new();
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    let new = NewThread {
        expires_ms: Some(1_200),
        ..NewThread::default()
    };
    store.create_thread(&talk.key, new).await.unwrap();
    let run = talk.begin("a").await;
    talk.finish(&run, "b").await;
    for (ms, seq) in [(1_050, 1), (1_150, 2)] {
        time.store(ms, Ordering::Relaxed);
        let body = json("1");
        store
            .append_events(&talk.key, run.id, vec![RunEvent { seq, body }])
            .await
            .unwrap();
    }
    assert_eq!(store.delete_events_before(1_150).await.unwrap(), 1);
    let left = store.events(&talk.key, run.id, None, 9).await.unwrap();
    assert_eq!(left[0].seq, 2);
    time.store(1_199, Ordering::Relaxed);
    assert!(store.expired_threads(9).await.unwrap().is_empty());
    time.store(1_200, Ordering::Relaxed);
    assert_eq!(store.expired_threads(9).await.unwrap(), [talk.key]);
    sound(&store).await;
}

#[tokio::test]
async fn users_come_by_their_last_activity() {
    let (store, time) = at(LATE_MS);
    let ids = Ids::new();
    for (ms, name) in [(0, "alice"), (1, "bob"), (2, "carol"), (3, "alice")] {
        time.store(LATE_MS + ms, Ordering::Relaxed);
        Talk::new(&store, &ids, name, &ms.to_string())
            .turn("a", "b")
            .await;
    }
    let names = async |offset, limit| {
        let users = store.users(ListUsers { offset, limit }).await.unwrap();
        users
            .into_iter()
            .map(|user| user.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(0, 9).await, ["alice", "carol", "bob"]);
    assert_eq!(names(1, 1).await, ["carol"]);
}
