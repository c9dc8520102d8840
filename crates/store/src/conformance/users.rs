//! Users: lists, holds, sessions, erasure.

use everthread_graph::contract::{ItemQuery, Multitask, StoreErrorKind, ThreadId, UserId};

use super::{Factory, Ids, Talk, json, key, kinds, said, sound};
use crate::{ListThreads, ListUsers, RunEvent, Search, Session, Store, UserPatch};

fn user(name: &str) -> UserId {
    key(name, "x").user
}

async fn names(store: &dyn Store, offset: usize, limit: usize) -> Vec<String> {
    let users = store.users(ListUsers { offset, limit }).await.unwrap();
    users.into_iter().map(|user| user.id.to_string()).collect()
}

async fn hold(store: &dyn Store, name: &str, held: bool) {
    let patch = UserPatch {
        held: Some(held),
        ..UserPatch::default()
    };
    let changed = store.put_user(&user(name), patch).await.unwrap();
    assert_eq!(changed.held, held);
}

fn session(id: &str, thread: Option<&str>, last_ms: i64) -> Session {
    Session {
        id: id.to_owned(),
        client: "a test".to_owned(),
        thread: thread.map(|thread| ThreadId::new(thread).unwrap()),
        started_ms: 1,
        last_ms,
        turns: 3,
    }
}

/// Each once, with what they have, those who did something last first.
pub async fn users_are_listed_with_what_they_have(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    assert!(names(&*store, 0, 9).await.is_empty());
    for (name, thread) in [("bob", "1"), ("alice", "1"), ("alice", "2")] {
        let mut talk = Talk::new(&*store, &ids, name, thread);
        talk.turn("a", "b").await;
    }
    store
        .put_user(&user("carol"), UserPatch::default())
        .await
        .unwrap();
    let listed = store.users(ListUsers::default()).await.unwrap();
    assert!(listed.is_sorted_by(|a, b| a.active_ms >= b.active_ms));
    for (name, has) in [("alice", (2, 4)), ("bob", (1, 2)), ("carol", (0, 0))] {
        let one = store.user(&user(name)).await.unwrap().unwrap();
        assert_eq!((one.threads, one.messages), has);
        assert!(!one.held && listed.contains(&one));
        let profile = store.profile(&user(name)).await.unwrap();
        assert_eq!(profile, Some(crate::UserProfile::default()));
    }
    let named = UserPatch {
        name: Some("Bob".to_owned()),
        preferences: Some(json(r#"{"tone":"dry"}"#)),
        ..UserPatch::default()
    };
    store.put_user(&user("bob"), named).await.unwrap();
    let profile = store.profile(&user("bob")).await.unwrap().unwrap();
    assert_eq!(profile.name.as_deref(), Some("Bob"));
    assert_eq!(profile.preferences, Some(json(r#"{"tone":"dry"}"#)));
    assert_eq!(store.profile(&user("nobody")).await.unwrap(), None);
    let mut paged = names(&*store, 0, 2).await;
    paged.extend(names(&*store, 2, 2).await);
    paged.sort();
    assert_eq!(paged, ["alice", "bob", "carol"]);
}

/// Nothing of a held user goes, until the hold ends.
pub async fn a_held_user_is_not_erased(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    hold(&*store, "alice", true).await;
    let renamed = UserPatch {
        name: Some("Alice".to_owned()),
        ..UserPatch::default()
    };
    let renamed = store.put_user(&user("alice"), renamed).await.unwrap();
    assert!(renamed.held, "another change leaves the hold alone");
    let refused = store.erase_user(&user("alice")).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Held));
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b"]);
    hold(&*store, "alice", false).await;
    store.erase_user(&user("alice")).await.unwrap();
    assert!(store.user(&user("alice")).await.unwrap().is_none());
}

/// Everything of one user goes and is counted; nothing of another does.
pub async fn an_erased_user_leaves_nothing(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for name in ["alice", "bob"] {
        for thread in ["1", "2"] {
            let mut talk = Talk::new(&*store, &ids, name, thread);
            talk.turn("zebra", "yes").await;
            store.settle().await.unwrap();
            let run = talk.begin("zebra").await;
            talk.finish(&run, "no").await;
            let event = RunEvent {
                seq: 0,
                body: json("1"),
            };
            store
                .append_events(&talk.key, run.id, vec![event])
                .await
                .unwrap();
        }
        let namespace = ["facts".to_owned()];
        store
            .put_item(&user(name), &namespace, "k", Some(json("1")), None)
            .await
            .unwrap();
        store
            .put_session(&user(name), session("s", Some("1"), 1))
            .await
            .unwrap();
    }
    let erased = store.erase_user(&user("alice")).await.unwrap();
    let counted = (erased.threads, erased.messages, erased.checkpoints);
    assert_eq!(counted, (2, 8, 8));
    assert_eq!((erased.runs, erased.items, erased.sessions), (4, 1, 1));
    let search = || Search {
        words: "zebra".to_owned(),
        thread: None,
        offset: 0,
        limit: 9,
    };
    for (name, left) in [("alice", false), ("bob", true)] {
        let user = user(name);
        let threads = store.threads(&user, ListThreads::default()).await.unwrap();
        assert_eq!(threads.len(), 2 * usize::from(left));
        let found = store.search(&user, search()).await.unwrap();
        assert_eq!(found.len(), 4 * usize::from(left));
        let items = store.search_items(&user, ItemQuery::default()).await;
        assert_eq!(items.unwrap().len(), usize::from(left));
        assert_eq!(
            store.sessions(&user, 9).await.unwrap().len(),
            usize::from(left)
        );
        assert_eq!(store.user(&user).await.unwrap().is_some(), left);
    }
    sound(&*store).await;
    assert_eq!(
        kinds(&store.erase_user(&user("alice")).await),
        Some(StoreErrorKind::NotFound)
    );
    // Whoever comes back begins anew.
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("zebra", "again").await;
    store.settle().await.unwrap();
    assert_eq!(
        store.search(&user("alice"), search()).await.unwrap().len(),
        1
    );
    sound(&*store).await;
}

/// A run is not left without its user.
pub async fn a_user_with_an_active_run_is_not_erased(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let refused = store.erase_user(&user("alice")).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Busy));
    talk.finish(&run, "b").await;
    let waiting = ids.new_run(Multitask::Enqueue);
    store.enqueue_run(&talk.key, waiting, None).await.unwrap();
    assert_eq!(store.erase_user(&user("alice")).await.unwrap().runs, 2);
    sound(&*store).await;
}

/// The last state of each, the one that did something last first; none of another user's.
pub async fn sessions_are_kept_and_listed(factory: &dyn Factory) {
    let store = factory.open().await;
    let alice = user("alice");
    for (id, last_ms) in [("a", 10), ("b", 30), ("c", 20), ("a", 40)] {
        store
            .put_session(&alice, session(id, Some("1"), last_ms))
            .await
            .unwrap();
    }
    let bobs = session("a", None, 50);
    store.put_session(&user("bob"), bobs.clone()).await.unwrap();
    let listed = store.sessions(&alice, 9).await.unwrap();
    let expected = [("a", 40), ("b", 30), ("c", 20)];
    let expected = expected.map(|(id, last_ms)| session(id, Some("1"), last_ms));
    assert_eq!(listed, expected);
    assert_eq!(store.sessions(&alice, 1).await.unwrap(), expected[..1]);
    assert_eq!(store.sessions(&user("bob"), 9).await.unwrap(), [bobs]);
    assert!(store.sessions(&user("carol"), 9).await.unwrap().is_empty());
    let refused = store.put_session(&alice, session("", None, 1)).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Invalid));
    sound(&*store).await;
}

/// A session outlives the thread that it was in.
pub async fn a_session_forgets_a_deleted_thread(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let alice = user("alice");
    for (id, thread) in [("a", "1"), ("b", "2")] {
        store
            .put_session(&alice, session(id, Some(thread), 1))
            .await
            .unwrap();
    }
    store.delete_thread(&talk.key).await.unwrap();
    let threads = store.sessions(&alice, 9).await.unwrap();
    let threads: Vec<Option<ThreadId>> = threads.into_iter().map(|one| one.thread).collect();
    assert_eq!(threads, [None, Some(ThreadId::new("2").unwrap())]);
}
