//! Holds: nothing of a held user goes, whoever asks for it and however much time passes.

use everthread_graph::contract::{Multitask, StoreErrorKind, UserId};

use super::portable::rows;
use super::{Factory, Ids, Talk, json, key, kinds, said, sound};
use crate::portable::Scope;
use crate::{Kept, NewThread, RunEvent, Store, UserPatch};

fn alice() -> UserId {
    key("alice", "x").user
}

async fn hold(store: &dyn Store, held: bool) {
    let patch = UserPatch {
        held: Some(held),
        ..UserPatch::default()
    };
    store.put_user(&alice(), patch).await.unwrap();
}

async fn item(store: &dyn Store, name: &str, value: Option<&str>, expires_ms: Option<i64>) {
    let (owner, facts) = (key(name, "x").user, ["facts".to_owned()]);
    let put = store.put_item(&owner, &facts, "k", value.map(json), expires_ms);
    put.await.unwrap();
}

async fn event(store: &dyn Store, talk: &Talk<'_>, run: everthread_graph::contract::RunId) {
    let event = RunEvent {
        seq: 1,
        body: json("1"),
    };
    let kept = store.append_events(&talk.key, run, vec![event]);
    kept.await.unwrap();
}

/// Threads, runs, checkpoints and items of a held user are not removed, and a run is not taken back; row by row all is
/// as it was. What a hold does not stop goes on, and all can be removed when it ends.
pub async fn a_hold_holds(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let last = talk.begin("c").await;
    event(&*store, &talk, last.id).await;
    talk.finish(&last, "d").await;
    let waiting = ids.new_run(Multitask::Enqueue);
    let queued = store.enqueue_run(&talk.key, waiting.clone(), None);
    queued.await.unwrap();
    item(&*store, "alice", Some("1"), None).await;
    hold(&*store, true).await;

    let before = rows(&*store, &Scope::User(alice())).await;
    let facts = ["facts".to_owned()];
    let refused = [
        kinds(&store.delete_thread(&talk.key).await),
        kinds(&store.delete_run(&talk.key, last.id).await),
        kinds(&store.rollback_run(&talk.key, last.id).await),
        kinds(&store.rollback_run(&talk.key, waiting.id).await),
        kinds(&store.prune(&talk.key, Kept::Newest(1)).await),
        kinds(&store.put_item(&alice(), &facts, "k", None, None).await),
        kinds(&store.erase_user(&alice()).await),
    ];
    assert_eq!(refused, [Some(StoreErrorKind::Held); 7]);
    assert_eq!(rows(&*store, &Scope::User(alice())).await, before);
    let missing = store.delete_thread(&key("alice", "9")).await;
    assert_eq!(kinds(&missing), Some(StoreErrorKind::NotFound));

    store.withdraw(&talk.key, waiting.id).await.unwrap();
    talk.turn("e", "f").await;
    item(&*store, "alice", Some("2"), None).await;
    item(&*store, "bob", Some("1"), None).await;
    item(&*store, "bob", None, None).await;
    assert_eq!(said(&*store, &talk.key, None).await.concat(), "abcdef");

    hold(&*store, false).await;
    item(&*store, "alice", None, None).await;
    store.delete_run(&talk.key, last.id).await.unwrap();
    let pruned = store.prune(&talk.key, Kept::Newest(1)).await.unwrap();
    assert_eq!(pruned.checkpoints, 5);
    store.delete_thread(&talk.key).await.unwrap();
    sound(&*store).await;
}

/// What ends by itself stays under a hold: threads, events of runs and items whose time is over.
pub async fn time_takes_nothing_from_a_held_user(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    event(&*store, &talk, run.id).await;
    talk.finish(&run, "b").await;
    let brief = NewThread {
        expires_ms: Some(1),
        ..NewThread::default()
    };
    let over = key("alice", "over");
    store.create_thread(&over, brief).await.unwrap();
    item(&*store, "alice", Some("1"), Some(1)).await;
    hold(&*store, true).await;

    let before = rows(&*store, &Scope::User(alice())).await;
    assert!(store.expired_threads(9).await.unwrap().is_empty());
    assert_eq!(store.delete_events_before(i64::MAX).await.unwrap(), 0);
    // Where a write sweeps what ended, it passes this by.
    item(&*store, "bob", Some("1"), None).await;
    assert_eq!(rows(&*store, &Scope::User(alice())).await, before);

    hold(&*store, false).await;
    assert_eq!(store.expired_threads(9).await.unwrap(), [over]);
    assert_eq!(store.delete_events_before(i64::MAX).await.unwrap(), 1);
    sound(&*store).await;
}
