//! Threads: made before anything is said, found by what they are like, how they stand.

use everthread_graph::contract::{Multitask, RunOutcome, StoreErrorKind, ThreadId};

use super::{Factory, Ids, Step, Talk, apply, json, key, kinds, said, sound};
use crate::{
    FindThreads, NewThread, Store, Thread, ThreadPage, ThreadPatch, ThreadSort, ThreadStatus,
};

async fn create(store: &dyn Store, user: &str, id: &str, metadata: Option<&str>) -> Thread {
    let new = NewThread {
        metadata: metadata.map(json),
        ..NewThread::default()
    };
    store.create_thread(&key(user, id), new).await.unwrap()
}

async fn find(store: &dyn Store, query: FindThreads) -> (Vec<String>, u64) {
    let page = store
        .find_threads(&key("alice", "x").user, query)
        .await
        .unwrap();
    let ids = page.threads.iter().map(|thread| thread.id.to_string());
    (ids.collect(), page.total)
}

async fn status(store: &dyn Store, talk: &Talk<'_>) -> (ThreadStatus, Option<String>) {
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    (thread.status, thread.error)
}

/// It is there at once, empty, and only once for its user.
pub async fn a_thread_can_be_created_before_its_first_turn(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let new = NewThread {
        title: Some("Trip".to_owned()),
        metadata: Some(json("{\"graph\":\"chat\"}")),
        expires_ms: Some(7),
    };
    let talk_key = key("alice", "1");
    let created = store.create_thread(&talk_key, new.clone()).await.unwrap();
    assert_eq!(
        store.thread(&talk_key).await.unwrap(),
        Some(created.clone())
    );
    assert_eq!(
        (created.title.as_deref(), created.expires_ms),
        (Some("Trip"), Some(7))
    );
    assert_eq!(created.metadata, new.metadata);
    assert_eq!(
        (created.status, created.head, created.messages),
        (ThreadStatus::Idle, None, 0)
    );
    assert_eq!((created.last_message_ms, created.error), (None, None));
    let again = store.create_thread(&talk_key, new.clone()).await;
    assert_eq!(kinds(&again), Some(StoreErrorKind::Exists));
    store.create_thread(&key("bob", "1"), new).await.unwrap();
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let thread = store.thread(&talk_key).await.unwrap().unwrap();
    assert_eq!(
        (thread.title.as_deref(), thread.messages),
        (Some("Trip"), 2)
    );
    assert!(thread.last_message_ms.is_some());
    sound(&*store).await;
}

/// A thread stands as the run that began last left it, and is busy while one is there.
pub async fn a_thread_stands_as_its_last_run_left_it(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let error = || RunOutcome::Error("no model".to_owned());
    for (outcome, expected, reason) in [
        (RunOutcome::Success, ThreadStatus::Idle, None),
        (error(), ThreadStatus::Error, Some("no model".to_owned())),
        (RunOutcome::Interrupted, ThreadStatus::Interrupted, None),
        (RunOutcome::Cancelled, ThreadStatus::Interrupted, None),
        (RunOutcome::Success, ThreadStatus::Idle, None),
    ] {
        let run = talk.begin("a").await;
        assert_eq!(status(&*store, &talk).await, (ThreadStatus::Busy, None));
        let step = talk.step().end(run.id, talk.fence).with(|commit| {
            if let everthread_graph::contract::RunMark::End(_, _, of) = &mut commit.run {
                *of = outcome;
            }
        });
        talk.apply(step, 0).await;
        assert_eq!(status(&*store, &talk).await, (expected, reason));
    }
    let waiting = ids.new_run(Multitask::Enqueue);
    let id = waiting.id;
    store.enqueue_run(&talk.key, waiting, None).await.unwrap();
    assert_eq!(status(&*store, &talk).await.0, ThreadStatus::Busy);
    store.withdraw(&talk.key, id).await.unwrap();
    let stands = status(&*store, &talk).await;
    assert_eq!(stands, (ThreadStatus::Idle, None), "it never began");
}

/// A run that goes before others does not hide how the last of these ended.
pub async fn the_run_that_began_last_counts(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let patient = ids.new_run(Multitask::Enqueue);
    store
        .enqueue_run(&talk.key, patient.clone(), None)
        .await
        .unwrap();
    let hasty = ids.new_run(Multitask::Interrupt);
    let step = talk.step().start(&hasty);
    talk.apply(step, 0).await;
    let step = talk.step().end(hasty.id, talk.fence);
    talk.apply(step, 0).await;
    let step = talk.step().start(&patient);
    talk.apply(step, 0).await;
    let step = talk.step().end(patient.id, talk.fence).with(|commit| {
        let fence = match &commit.run {
            everthread_graph::contract::RunMark::End(_, fence, _) => *fence,
            other => panic!("{other:?}"),
        };
        commit.run =
            everthread_graph::contract::RunMark::End(patient.id, fence, RunOutcome::Interrupted);
    });
    talk.apply(step, 0).await;
    assert_eq!(status(&*store, &talk).await.0, ThreadStatus::Interrupted);
}

fn by_id() -> FindThreads {
    FindThreads {
        sort_by: ThreadSort::Id,
        descending: false,
        ..FindThreads::default()
    }
}

/// Only those whose metadata contain this, of this user; a thread without metadata contains nothing.
pub async fn threads_are_found_by_their_metadata(factory: &dyn Factory) {
    let store = factory.open().await;
    let tagged = r#"{"graph":"chat","tags":["x","y"]}"#;
    create(&*store, "alice", "a", Some(tagged)).await;
    create(&*store, "alice", "b", Some(r#"{"graph":"chat"}"#)).await;
    create(&*store, "alice", "c", None).await;
    create(&*store, "bob", "a", Some(tagged)).await;
    for (metadata, expected) in [
        (r#"{"graph":"chat"}"#, &["a", "b"][..]),
        (r#"{"tags":["y"]}"#, &["a"]),
        (r#"{"graph":"chat","tags":["z"]}"#, &[]),
        ("{}", &["a", "b", "c"]),
    ] {
        let query = FindThreads {
            metadata: Some(json(metadata)),
            ..by_id()
        };
        let (found, total) = find(&*store, query).await;
        assert_eq!(found, expected, "{metadata}");
        assert_eq!(total, expected.len() as u64);
    }
    let refused = FindThreads {
        metadata: Some(json("[1]")),
        ..by_id()
    };
    let refused = store.find_threads(&key("alice", "x").user, refused).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Invalid));
}

/// Of these ids, that stand so, archived or not; counted in all.
pub async fn threads_are_found_by_what_they_are(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for id in ["a", "b", "c"] {
        create(&*store, "alice", id, None).await;
    }
    let all = ["a", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(find(&*store, by_id()).await, (all, 3));
    let some = ["c", "a", "elsewhere"].map(|id| ThreadId::new(id).unwrap());
    let query = FindThreads {
        ids: some.to_vec(),
        ..by_id()
    };
    assert_eq!(find(&*store, query).await.0, ["a", "c"]);
    let archive = ThreadPatch {
        archived: Some(true),
        ..ThreadPatch::default()
    };
    let b = key("alice", "b");
    store.update_thread(&b, archive).await.unwrap();
    assert_eq!(find(&*store, by_id()).await.0, ["a", "c"]);
    let archived = FindThreads {
        archived: true,
        ..by_id()
    };
    assert_eq!(find(&*store, archived).await.1, 3);
    let mut talk = Talk::new(&*store, &ids, "alice", "c");
    talk.begin("a").await;
    let busy = FindThreads {
        status: Some(ThreadStatus::Busy),
        ..by_id()
    };
    assert_eq!(find(&*store, busy).await, (vec!["c".into()], 1));
    let nobody = key("carol", "x").user;
    let page = store.find_threads(&nobody, by_id()).await.unwrap();
    assert_eq!(page, ThreadPage::default());
}

/// By each of the ways, either way round, a page at a time.
pub async fn found_threads_come_in_order_and_in_pages(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for id in ["m", "z", "a"] {
        create(&*store, "alice", id, None).await;
    }
    let mut z = Talk::new(&*store, &ids, "alice", "z");
    z.turn("a", "b").await;
    let mut m = Talk::new(&*store, &ids, "alice", "m");
    let run = m.begin("a").await;
    // Later than anything of the others, whatever the clock says.
    let late = |step: Step| step.with(|commit| commit.checkpoint.at_ms = i64::MAX >> 8);
    apply(&*store, late(z.step().set("x", "1")).build())
        .await
        .unwrap();
    for (sort_by, expected) in [
        (ThreadSort::Created, ["m", "z", "a"]),
        (ThreadSort::Id, ["a", "m", "z"]),
        (ThreadSort::Status, ["m", "z", "a"]),
    ] {
        for descending in [false, true] {
            let query = |offset, limit| FindThreads {
                sort_by,
                descending,
                offset,
                limit,
                ..FindThreads::default()
            };
            let mut expected = expected.map(str::to_owned);
            if descending {
                expected.reverse();
            }
            assert_eq!(
                find(&*store, query(0, 9)).await,
                (expected.to_vec(), 3),
                "{sort_by:?}"
            );
            assert_eq!(
                find(&*store, query(1, 1)).await,
                (expected[1..2].to_vec(), 3)
            );
            assert_eq!(find(&*store, query(0, 0)).await, (Vec::new(), 3));
        }
    }
    let (updated, _) = find(&*store, FindThreads::default()).await;
    assert_eq!(updated[0], "z");
    m.finish(&run, "b").await;
}

/// Fields are replaced, the others stay; a thread that has none begins with them.
pub async fn metadata_can_be_merged(factory: &dyn Factory) {
    let store = factory.open().await;
    create(&*store, "alice", "1", None).await;
    let at = key("alice", "1");
    for (merge, expected) in [
        (r#"{"a":1,"b":{"x":1}}"#, r#"{"a":1,"b":{"x":1}}"#),
        (
            r#"{"b":{"y":2},"c":null}"#,
            r#"{"a":1,"b":{"y":2},"c":null}"#,
        ),
        ("{}", r#"{"a":1,"b":{"y":2},"c":null}"#),
    ] {
        let patch = ThreadPatch {
            merge_metadata: Some(json(merge)),
            ..ThreadPatch::default()
        };
        let changed = store.update_thread(&at, patch).await.unwrap();
        assert_eq!(changed.metadata, Some(json(expected)));
    }
    let both = ThreadPatch {
        metadata: Some(json(r#"{"new":1}"#)),
        merge_metadata: Some(json(r#"{"more":2}"#)),
        ..ThreadPatch::default()
    };
    let changed = store.update_thread(&at, both).await.unwrap();
    assert_eq!(changed.metadata, Some(json(r#"{"new":1,"more":2}"#)));
    let bad = ThreadPatch {
        merge_metadata: Some(json("[1]")),
        ..ThreadPatch::default()
    };
    let refused = store.update_thread(&at, bad).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Invalid));
}

/// Those whose time is over, of every user, the first that ended first; nothing goes by itself.
pub async fn expired_threads_are_told(factory: &dyn Factory) {
    let store = factory.open().await;
    for (user, id, expires_ms) in [
        ("alice", "late", Some(2)),
        ("bob", "early", Some(1)),
        ("alice", "future", Some(i64::MAX)),
        ("alice", "never", None),
    ] {
        let new = NewThread {
            expires_ms,
            ..NewThread::default()
        };
        store.create_thread(&key(user, id), new).await.unwrap();
    }
    let (early, late) = (key("bob", "early"), key("alice", "late"));
    assert_eq!(
        store.expired_threads(1).await.unwrap(),
        std::slice::from_ref(&early)
    );
    assert_eq!(
        store.expired_threads(9).await.unwrap(),
        [early.clone(), late.clone()]
    );
    assert!(store.thread(&late).await.unwrap().is_some());
    let patch = ThreadPatch {
        expires_ms: Some(i64::MAX),
        ..ThreadPatch::default()
    };
    store.update_thread(&late, patch).await.unwrap();
    store.delete_thread(&early).await.unwrap();
    assert!(store.expired_threads(9).await.unwrap().is_empty());
}

/// The copy says the same at each checkpoint, and what is said in one is not said in the other.
pub async fn a_copy_says_what_its_source_says(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let first = talk.turn("zebra", "b").await;
    store.settle().await.unwrap();
    talk.turn("zebra", "d").await;
    let waiting = ids.new_run(Multitask::Enqueue);
    store.enqueue_run(&talk.key, waiting, None).await.unwrap();
    let patch = ThreadPatch {
        title: Some("Zoo".to_owned()),
        metadata: Some(json("{\"a\":1}")),
        pinned: Some(true),
        ..ThreadPatch::default()
    };
    let source = store.update_thread(&talk.key, patch).await.unwrap();
    let to = key("alice", "2");
    let copied = store.copy_thread(&talk.key, &to).await.unwrap();
    assert_eq!(
        (copied.title, copied.metadata),
        (source.title, source.metadata)
    );
    assert_eq!(
        (copied.head, copied.messages, copied.turns),
        (source.head, 4, 2)
    );
    assert_eq!((copied.pinned, copied.status), (false, ThreadStatus::Idle));
    assert_eq!(said(&*store, &to, Some(first)).await, ["zebra", "b"]);
    let mut copy = Talk::new(&*store, &ids, "alice", "2");
    (copy.head, copy.len) = (talk.head, talk.len);
    copy.turn("only here", "yes").await;
    assert_eq!(said(&*store, &talk.key, None).await.len(), 4);
    assert_eq!(said(&*store, &to, None).await.len(), 6);
    let search = |words: &str| crate::Search {
        words: words.to_owned(),
        thread: None,
        offset: 0,
        limit: 9,
    };
    store.settle().await.unwrap();
    let alice = &talk.key.user;
    assert_eq!(store.search(alice, search("zebra")).await.unwrap().len(), 4);
    store.delete_thread(&talk.key).await.unwrap();
    assert_eq!(store.search(alice, search("zebra")).await.unwrap().len(), 2);
    assert_eq!(said(&*store, &to, Some(first)).await, ["zebra", "b"]);
    sound(&*store).await;
}

/// A copy needs a source, a free id and one user; a run that is live stays behind.
pub async fn what_cannot_be_copied_is_refused(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    create(&*store, "alice", "taken", None).await;
    for (from, to, kind) in [
        (
            key("alice", "none"),
            key("alice", "2"),
            StoreErrorKind::NotFound,
        ),
        (
            talk.key.clone(),
            key("alice", "taken"),
            StoreErrorKind::Exists,
        ),
        (talk.key.clone(), talk.key.clone(), StoreErrorKind::Exists),
        (talk.key.clone(), key("bob", "1"), StoreErrorKind::Invalid),
    ] {
        assert_eq!(
            kinds(&store.copy_thread(&from, &to).await),
            Some(kind),
            "{to}"
        );
    }
    assert!(store.user(&key("bob", "1").user).await.unwrap().is_none());
    let run = talk.begin("c").await;
    let copied = store
        .copy_thread(&talk.key, &key("alice", "2"))
        .await
        .unwrap();
    assert_eq!((copied.messages, copied.turns), (3, 1));
    assert_eq!(copied.status, ThreadStatus::Idle);
    talk.finish(&run, "d").await;
    sound(&*store).await;
}
