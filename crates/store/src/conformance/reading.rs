//! Lists, pages, profiles and counts.

use everthread_graph::contract::{
    At, CheckpointId, HistoryQuery, Multitask, Namespace, StoreErrorKind,
};

use super::{Factory, Ids, Step, Talk, apply, json, key, kinds, sound};
use crate::{ListThreads, ReadMessages, RunQuery, ThreadPatch, UserPatch};

/// Newest first, by namespace or not, from any point on.
pub async fn history_comes_in_pages_newest_first(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let ns = Namespace::root().child("sub");
    let mut all = Vec::new();
    let mut inner = None;
    for _ in 0..3 {
        all.push(talk.turn("a", "b").await);
        let step = Step::after(&ids, &talk.key, inner)
            .within(&ns)
            .with(|commit| {
                commit.checkpoint.step = 7;
                commit.checkpoint.metadata = Some(json("{\"k\":1}"));
            });
        inner = Some(step.id());
        apply(&*store, step.build()).await.unwrap();
        all.push(inner.unwrap());
    }
    let list = async |ns: Option<&Namespace>, before, limit| -> Vec<CheckpointId> {
        let query = HistoryQuery {
            ns: ns.cloned(),
            before,
            limit,
        };
        let found = store.history(&talk.key, query).await.unwrap();
        found.iter().map(|one| one.id).collect()
    };
    let whole = list(None, None, 100).await;
    assert_eq!(whole.len(), 9, "each turn has two checkpoints of its own");
    assert!(whole.is_sorted_by(|a, b| a > b));
    assert_eq!(list(None, None, 2).await, whole[..2]);
    assert_eq!(list(None, Some(whole[1]), 3).await, whole[2..5]);
    assert_eq!(list(Some(&ns), None, 100).await, [all[5], all[3], all[1]]);
    assert_eq!(list(Some(&Namespace::root()), None, 1).await, [all[4]]);
    assert!(list(None, None, 0).await.is_empty());
    let query = HistoryQuery {
        ns: Some(ns),
        before: None,
        limit: 1,
    };
    let newest = store.history(&talk.key, query).await.unwrap().remove(0);
    assert_eq!((newest.step, newest.parent), (7, Some(all[3])));
    assert_eq!(newest.metadata, Some(json("{\"k\":1}")));
}

/// Pinned threads stand above all others, archived ones are left out.
pub async fn threads_are_listed_pinned_and_recent_first(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for name in ["old", "mid", "new"] {
        Talk::new(&*store, &ids, "alice", name).turn("a", "b").await;
    }
    Talk::new(&*store, &ids, "bob", "other")
        .turn("a", "b")
        .await;
    let list = async |query: ListThreads| -> Vec<String> {
        let found = store.threads(&key("alice", "x").user, query).await.unwrap();
        found.iter().map(|one| one.id.to_string()).collect()
    };
    assert_eq!(list(ListThreads::default()).await, ["new", "mid", "old"]);
    let pin = ThreadPatch {
        pinned: Some(true),
        ..ThreadPatch::default()
    };
    store
        .update_thread(&key("alice", "old"), pin)
        .await
        .unwrap();
    let archive = ThreadPatch {
        archived: Some(true),
        ..ThreadPatch::default()
    };
    store
        .update_thread(&key("alice", "mid"), archive)
        .await
        .unwrap();
    assert_eq!(list(ListThreads::default()).await, ["old", "new"]);
    let all = ListThreads {
        archived: true,
        ..ListThreads::default()
    };
    assert_eq!(list(all.clone()).await, ["old", "new", "mid"]);
    assert_eq!(
        list(ListThreads {
            offset: 1,
            limit: 1,
            ..all
        })
        .await,
        ["new"]
    );
}

/// What the patch does not name stays.
pub async fn a_thread_can_be_renamed_and_flagged(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let patch = ThreadPatch {
        title: Some("Ein Tïtel \u{1F436}".to_owned()),
        metadata: Some(json("{\"a\":1}")),
        ..ThreadPatch::default()
    };
    let changed = store.update_thread(&talk.key, patch).await.unwrap();
    assert_eq!(changed.title.as_deref(), Some("Ein Tïtel \u{1F436}"));
    let patch = ThreadPatch {
        pinned: Some(true),
        ..ThreadPatch::default()
    };
    store.update_thread(&talk.key, patch).await.unwrap();
    talk.turn("c", "d").await;
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    assert_eq!(
        (thread.title, thread.metadata),
        (changed.title, changed.metadata)
    );
    assert!(thread.pinned && !thread.archived);
    assert_eq!((thread.messages, thread.turns), (4, 2));
    let missing = store
        .update_thread(&key("alice", "2"), ThreadPatch::default())
        .await;
    assert_eq!(kinds(&missing), Some(StoreErrorKind::NotFound));
}

/// A profile may be there before anything was said.
pub async fn profiles_are_created_and_changed(factory: &dyn Factory) {
    let store = factory.open().await;
    let alice = key("alice", "x").user;
    assert!(store.user(&alice).await.unwrap().is_none());
    let patch = UserPatch {
        name: Some("Alice".to_owned()),
        ..UserPatch::default()
    };
    let created = store.put_user(&alice, patch).await.unwrap();
    assert_eq!(
        (created.name.as_deref(), &created.preferences),
        (Some("Alice"), &None)
    );
    let patch = UserPatch {
        preferences: Some(json("{\"tone\":\"dry\"}")),
        ..UserPatch::default()
    };
    let changed = store.put_user(&alice, patch).await.unwrap();
    assert_eq!(changed.name, created.name);
    assert_eq!(store.user(&alice).await.unwrap(), Some(changed));
    assert!(store.user(&key("bob", "x").user).await.unwrap().is_none());
}

/// The newest of what is below a number, in the order in which it was said.
pub async fn messages_come_in_pages_from_the_end(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    for n in 0..4 {
        talk.turn(&format!("q{n}"), &format!("a{n}")).await;
    }
    let page = async |before_seq, limit| {
        let query = ReadMessages {
            at: None,
            before_seq,
            limit: Some(limit),
        };
        let found = store.messages(&talk.key, query).await.unwrap();
        assert!(found.iter().all(|one| one.run.is_some() && one.at_ms > 0));
        (
            found[0].seq,
            found
                .iter()
                .map(|one| crate::text_of(&one.body))
                .collect::<Vec<_>>(),
        )
    };
    let (first, texts) = page(None, 3).await;
    assert_eq!(texts, ["a2", "q3", "a3"]);
    let (first, texts) = page(Some(first), 3).await;
    assert_eq!(texts, ["q1", "a1", "q2"]);
    assert_eq!(page(Some(first), 9).await.1, ["q0", "a0"]);
    let none = ReadMessages {
        limit: Some(0),
        ..ReadMessages::default()
    };
    assert!(store.messages(&talk.key, none).await.unwrap().is_empty());
}

/// Ids that mean nothing are no damage.
pub async fn what_is_not_there_is_none_or_not_found(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let root = Namespace::root();
    let unknown = At::Id(ids.checkpoint());
    assert!(
        store
            .load(&talk.key, &root, unknown)
            .await
            .unwrap()
            .is_none()
    );
    let ns = root.child("x");
    assert!(
        store
            .load(&talk.key, &ns, At::Head)
            .await
            .unwrap()
            .is_none()
    );
    let query = ReadMessages {
        at: Some(ids.checkpoint()),
        ..ReadMessages::default()
    };
    let missing = store.messages(&talk.key, query).await;
    assert_eq!(kinds(&missing), Some(StoreErrorKind::NotFound));
    for other in [key("alice", "2"), key("bob", "1")] {
        assert!(store.thread(&other).await.unwrap().is_none());
        assert!(store.load(&other, &root, At::Head).await.unwrap().is_none());
        assert!(
            store
                .load(&other, &root, At::Id(talk.head.unwrap()))
                .await
                .unwrap()
                .is_none()
        );
        let history = HistoryQuery {
            ns: None,
            before: None,
            limit: 9,
        };
        assert!(store.history(&other, history).await.unwrap().is_empty());
        assert!(
            store
                .runs(
                    &other,
                    RunQuery {
                        limit: 9,
                        ..RunQuery::default()
                    }
                )
                .await
                .unwrap()
                .is_empty()
        );
        assert!(store.claim(&other).await.unwrap().is_empty());
        store.withdraw(&other, ids.run()).await.unwrap();
        let missing = store.messages(&other, ReadMessages::default()).await;
        assert_eq!(kinds(&missing), Some(StoreErrorKind::NotFound));
        assert_eq!(
            kinds(&store.delete_thread(&other).await),
            Some(StoreErrorKind::NotFound)
        );
    }
}

/// A run keeps what it was and how it ended.
pub async fn runs_are_listed_newest_first(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let base = talk.head;
    let last = talk.begin("c").await;
    let runs = store
        .runs(
            &talk.key,
            RunQuery {
                limit: 9,
                ..RunQuery::default()
            },
        )
        .await
        .unwrap();
    assert_eq!((runs.len(), runs[0].id, runs[0].base), (2, last.id, base));
    assert_eq!(
        (&*runs[0].graph, runs[0].ended_ms, &runs[0].input),
        ("chat", None, &None)
    );
    assert!(runs[1].ended_ms.is_some() && runs[1].base.is_none());
    let one = store
        .runs(
            &talk.key,
            RunQuery {
                limit: 1,
                ..RunQuery::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(one, runs[..1]);
    let step = talk.step().start(&ids.new_run(Multitask::Enqueue));
    apply(&*store, step.build()).await.unwrap();
    let runs = store
        .runs(
            &talk.key,
            RunQuery {
                limit: 9,
                ..RunQuery::default()
            },
        )
        .await
        .unwrap();
    assert_eq!((runs.len(), runs[0].base), (3, None));
}

/// Counts follow what is written.
pub async fn statistics_count_everything(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for (user, thread) in [("alice", "1"), ("alice", "2"), ("bob", "1")] {
        Talk::new(&*store, &ids, user, thread).turn("a", "b").await;
    }
    let namespace = ["n".to_owned()];
    store
        .put_item(
            &key("bob", "x").user,
            &namespace,
            "k",
            Some(json("1")),
            None,
        )
        .await
        .unwrap();
    store.settle().await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.users, stats.threads, stats.messages), (2, 3, 6));
    assert_eq!((stats.checkpoints, stats.runs, stats.items), (6, 3, 1));
    assert_eq!(stats.unindexed, 0);
    assert!(stats.live_bytes > 0 && !stats.engine.is_empty() && !stats.storage.is_empty());
    assert!(
        stats
            .kinds
            .iter()
            .any(|kind| kind.kind == "messages" && kind.bytes > 0)
    );
    assert!(stats.kinds.is_sorted_by(|a, b| a.bytes >= b.bytes));
}

/// Who was active, what is largest, and what a day brought; what goes is counted out.
pub async fn statistics_tell_who_is_active_and_what_is_large(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::by_clock());
    for (user, thread, turns) in [("alice", "1", 3), ("alice", "2", 1), ("bob", "1", 2)] {
        let mut talk = Talk::new(&*store, &ids, user, thread);
        for _ in 0..turns {
            talk.turn("a", "b").await;
        }
    }
    store.settle().await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.messages, stats.messages_day), (12, 12));
    let active = (stats.active.day, stats.active.week, stats.active.month);
    assert_eq!(active, (2, 2, 2));
    assert!(stats.saved_bytes > 0);
    let threads: Vec<(String, u64)> = stats
        .largest_threads
        .iter()
        .map(|one| (one.key.to_string(), one.messages))
        .collect();
    let named = |user, thread| key(user, thread).to_string();
    assert_eq!(
        threads,
        [
            (named("alice", "1"), 6),
            (named("bob", "1"), 4),
            (named("alice", "2"), 2)
        ]
    );
    let users: Vec<(&str, u64)> = stats
        .largest_users
        .iter()
        .map(|one| (one.user.as_str(), one.messages))
        .collect();
    assert_eq!(users, [("alice", 8), ("bob", 4)]);

    store.delete_thread(&key("alice", "1")).await.unwrap();
    store.erase_user(&key("bob", "1").user).await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.users, stats.threads, stats.messages), (1, 1, 2));
    assert_eq!((stats.active.day, stats.messages_day), (1, 12));
    assert_eq!(stats.largest_threads.len(), 1);
    assert_eq!(stats.largest_users[0].messages, 2);
    sound(&*store).await;
}
