//! Full-text search.

use everthread_graph::contract::{
    Change, Dropped, ListDelta, Piece, Removal, StoreErrorKind, ThreadId,
};

use super::{Factory, Ids, Talk, key, kinds, said, sound};
use crate::{Hit, Search, Store, TRANSCRIPT};

fn words(words: &str) -> Search {
    Search {
        words: words.to_owned(),
        thread: None,
        offset: 0,
        limit: 100,
    }
}

async fn find(store: &dyn Store, user: &str, query: Search) -> Vec<Hit> {
    store.search(&key(user, "x").user, query).await.unwrap()
}

async fn texts(store: &dyn Store, user: &str, typed: &str) -> Vec<String> {
    let hits = find(store, user, words(typed)).await;
    hits.iter().map(|hit| crate::text_of(&hit.body)).collect()
}

/// Words, not phrases; no regard to case and accents; snippets with marks.
pub async fn every_word_must_occur_and_the_newest_comes_first(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("My dog is called Rex", "A fine name for a dog!")
        .await;
    talk.turn("Der Hund heißt Möppel", "Cafés are nice").await;
    for _ in 0..2 {
        assert_eq!(
            texts(&*store, "alice", "DOG").await,
            ["A fine name for a dog!", "My dog is called Rex"]
        );
        assert_eq!(
            texts(&*store, "alice", "rex dog").await,
            ["My dog is called Rex"]
        );
        assert_eq!(
            texts(&*store, "alice", "moppel").await,
            ["Der Hund heißt Möppel"]
        );
        assert_eq!(texts(&*store, "alice", "CAFÉS").await, ["Cafés are nice"]);
        assert_eq!(texts(&*store, "alice", "caf*").await, ["Cafés are nice"]);
        assert_eq!(texts(&*store, "alice", "caf").await, Vec::<String>::new());
        let hit = find(&*store, "alice", words("rex")).await.remove(0);
        let marked: Vec<&str> = hit
            .marks
            .iter()
            .map(|mark| &hit.snippet[mark.clone()])
            .collect();
        assert_eq!(
            (hit.thread.as_str(), hit.seq, marked),
            ("1", 1, vec!["Rex"])
        );
        store.settle().await.unwrap();
    }
    sound(&*store).await;
}

/// The index may lag; nobody sees it.
pub async fn indexed_or_not_makes_no_difference(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    for n in 0..10 {
        talk.turn(&format!("zebra {n}"), "ok").await;
        if n % 3 == 0 {
            store.settle().await.unwrap();
        }
        let expected: Vec<String> = (0..=n).rev().map(|n| format!("zebra {n}")).collect();
        assert_eq!(texts(&*store, "alice", "zebra").await, expected);
    }
    store.close().await.unwrap();
    let store = factory.open().await;
    assert_eq!(texts(&*store, "alice", "zebra").await.len(), 10);
    store.settle().await.unwrap();
    assert_eq!(texts(&*store, "alice", "zebra").await.len(), 10);
    sound(&*store).await;
}

/// Isolation does not depend on the words.
pub async fn users_see_their_own_only(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for user in ["alice", "bob", "carol"] {
        Talk::new(&*store, &ids, user, "1")
            .turn("secret zebra", user)
            .await;
    }
    for _ in 0..2 {
        for user in ["alice", "bob", "carol"] {
            assert_eq!(texts(&*store, user, "zebra").await, ["secret zebra"]);
            assert_eq!(
                texts(&*store, user, "bob").await.len(),
                usize::from(user == "bob")
            );
        }
        assert!(texts(&*store, "dave", "zebra").await.is_empty());
        for code in [0xE000, 0xE001, 0xE002, 0xF_0000] {
            let sign = char::from_u32(code).unwrap();
            assert!(
                texts(&*store, "alice", &format!("{sign}* secret"))
                    .await
                    .len()
                    <= 1
            );
        }
        store.settle().await.unwrap();
    }
}

/// What a person took back or replaced is not found; what was summarised is.
pub async fn what_left_the_transcript_is_not_found(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for (thread, reason, found) in [
        ("a", Removal::Context, 1),
        ("b", Removal::User, 0),
        ("c", Removal::Rollback, 0),
    ] {
        let mut talk = Talk::new(&*store, &ids, thread, "1");
        talk.turn("zebra", "ok").await;
        let delta = ListDelta {
            base_len: 2,
            pieces: vec![Piece::Keep(1..2)],
            elements: Vec::new(),
            dropped: vec![Dropped {
                range: 0..1,
                reason,
            }],
        };
        talk.apply(talk.step().change(TRANSCRIPT, Change::List(delta)), 0)
            .await;
        assert_eq!(texts(&*store, thread, "zebra").await.len(), found);
        store.settle().await.unwrap();
        assert_eq!(texts(&*store, thread, "zebra").await.len(), found);
    }
    sound(&*store).await;
}

/// What lies on a branch that the head left behind is found, with the checkpoint at which it is read; what the head
/// shares with it is found once, at the head.
pub async fn other_branches_are_found(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let early = talk.turn("zebra one", "ok").await;
    let left = talk.turn("zebra two", "ok").await;
    talk.apply(talk.step().from(Some(early)), 0).await;
    talk.len = 2;
    talk.turn("zebra three", "ok").await;
    let mut gone = Talk::new(&*store, &ids, "alice", "2");
    let run = gone.begin("zebra four").await;
    gone.finish(&run, "ok").await;
    let taken_back = gone.head;
    store.rollback_run(&gone.key, run.id).await.unwrap();
    for _ in 0..2 {
        let hits = find(&*store, "alice", words("zebra")).await;
        let found: Vec<_> = hits
            .iter()
            .map(|hit| (crate::text_of(&hit.body), hit.checkpoint))
            .collect();
        let expected = [
            ("zebra four", taken_back),
            ("zebra three", None),
            ("zebra two", Some(left)),
            ("zebra one", None),
        ];
        assert_eq!(found, expected.map(|(text, at)| (text.to_owned(), at)));
        store.settle().await.unwrap();
    }
    let read = said(&*store, &talk.key, Some(left)).await;
    assert_eq!(read, ["zebra one", "ok", "zebra two", "ok"]);
}

/// Whatever is typed, it is words.
pub async fn operators_are_not_reachable(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("alpha beta", "gamma").await;
    store.settle().await.unwrap();
    let typed = [
        "alpha OR gamma",
        "alpha NOT beta",
        "NEAR(alpha gamma)",
        "words : gamma zz",
        "\"alpha",
        "alpha\"",
        "^alpha zz",
        "(alpha zz",
        "alpha zz*",
        "{words} : zz",
        "zz\0 OR alpha",
        "'; DROP TABLE messages; --",
    ];
    for typed in typed {
        let found = store.search(&talk.key.user, words(typed)).await.unwrap();
        assert_eq!(
            found.len(),
            usize::from(!typed.contains([' ', '(', '{'])),
            "{typed:?}"
        );
    }
    assert_eq!(
        texts(&*store, "alice", "\"alpha\"* (beta)").await,
        ["alpha beta"]
    );
}

/// Nothing to look for is no search.
pub async fn a_query_without_a_word_is_invalid(factory: &dyn Factory) {
    let store = factory.open().await;
    for typed in ["", " ", "\"*\"", "…", "\u{E000}"] {
        let outcome = store.search(&key("alice", "1").user, words(typed)).await;
        assert_eq!(kinds(&outcome), Some(StoreErrorKind::Invalid), "{typed:?}");
    }
}

/// One thread, or a page of all.
pub async fn a_thread_and_pages_narrow_it_down(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for n in 0..6 {
        let mut talk = Talk::new(&*store, &ids, "alice", &format!("t{}", n % 2));
        talk.head = store
            .thread(&talk.key)
            .await
            .unwrap()
            .and_then(|thread| thread.head);
        talk.len = 2 * (n / 2);
        talk.turn(&format!("zebra {n}"), "ok").await;
        if n == 2 {
            store.settle().await.unwrap();
        }
    }
    let thread = Some(ThreadId::new("t1").unwrap());
    let hits = find(
        &*store,
        "alice",
        Search {
            thread,
            ..words("zebra")
        },
    )
    .await;
    assert!(hits.len() == 3 && hits.iter().all(|hit| hit.thread.as_str() == "t1"));
    let page = Search {
        offset: 1,
        limit: 3,
        ..words("zebra")
    };
    let hits = find(&*store, "alice", page).await;
    let found: Vec<String> = hits.iter().map(|hit| crate::text_of(&hit.body)).collect();
    assert_eq!(found, ["zebra 4", "zebra 3", "zebra 2"]);
    assert!(
        find(
            &*store,
            "alice",
            Search {
                limit: 0,
                ..words("zebra")
            }
        )
        .await
        .is_empty()
    );
    let thread = Some(ThreadId::new("t9").unwrap());
    assert!(
        find(
            &*store,
            "alice",
            Search {
                thread,
                ..words("zebra")
            }
        )
        .await
        .is_empty()
    );
}
