//! Nothing of an erased user is in the files.

use std::path::Path;

use everthread_graph::contract::Items;
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::conformance::{Ids, Talk, json, key, sound};
use everthread_store::{NewThread, RunEvent, Search, Session, Store, ThreadPatch, UserPatch};

/// Only the erased user says this, in this case and in small letters, as the index does.
const WORD: &str = "Xylophonist";

/// In how many places of the file and its log the word stands, whatever its case.
fn places(path: &Path) -> usize {
    let wanted = WORD.to_lowercase().into_bytes();
    let folder = path.parent().unwrap();
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.file_type().unwrap().is_file());
    files
        .map(|file| {
            let bytes = std::fs::read(file.path()).unwrap().to_ascii_lowercase();
            let found = bytes.windows(wanted.len()).filter(|part| *part == wanted);
            found.count()
        })
        .sum()
}

/// The word in everything that a user can leave.
async fn leave_it_everywhere(store: &SqliteStore, ids: &Ids, others: &mut Talk<'_>) {
    let alice = key("alice", "x").user;
    for thread in 0..4 {
        let id = format!("{WORD}-{thread}");
        let mut talk = Talk::new(store, ids, "alice", &id);
        let new = NewThread {
            title: Some(WORD.to_owned()),
            metadata: Some(json(&format!("{{\"a\":\"{WORD}\"}}"))),
            expires_ms: None,
        };
        store.create_thread(&talk.key, new).await.unwrap();
        for n in 0..40 {
            // Texts of one page and of several, between those of others, in parts of the index of every size.
            let rest = format!("{} ", thread * 100 + n).repeat(n * n / 2);
            talk.turn(
                &format!("the {WORD} and {WORD}s{n} {rest}"),
                &format!("no {WORD}"),
            )
            .await;
            others
                .turn("xylem and yeast", &format!("so be it {n}"))
                .await;
            if n % 9 == 0 {
                store.settle().await.unwrap();
            }
        }
        let run = talk.begin(WORD).await;
        let body = json(&format!("\"{WORD}\""));
        let events = vec![RunEvent {
            seq: 1,
            body: body.clone(),
        }];
        store
            .append_events(&talk.key, run.id, events)
            .await
            .unwrap();
        let step = talk.step().set("summary", body.as_str());
        let step = step.end(run.id, talk.fence);
        talk.apply(step, 0).await;
        let namespace = [WORD.to_owned()];
        store
            .put_item(&alice, &namespace, &id, Some(body), None)
            .await
            .unwrap();
        let session = Session {
            id,
            client: WORD.to_owned(),
            thread: Some(talk.key.thread.clone()),
            started_ms: 1,
            last_ms: 2,
            turns: 1,
        };
        store.put_session(&alice, session).await.unwrap();
        if thread == 2 {
            // Deleted before: its words are only noted as void.
            store.delete_thread(&talk.key).await.unwrap();
        }
    }
    let patch = UserPatch {
        name: Some(WORD.to_owned()),
        preferences: Some(json(&format!("{{\"likes\":\"{WORD}\"}}"))),
        held: None,
    };
    store.put_user(&alice, patch).await.unwrap();
}

#[tokio::test]
async fn no_word_of_an_erased_user_is_in_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let (store, ids) = (
        SqliteStore::open(SqliteOptions::at(&path)).unwrap(),
        Ids::new(),
    );
    let mut others = Talk::new(&store, &ids, "bob", "1");
    leave_it_everywhere(&store, &ids, &mut others).await;
    store.settle().await.unwrap();
    assert!(places(&path) > 100);
    let erased = store.erase_user(&key("alice", "x").user).await.unwrap();
    assert_eq!((erased.threads, erased.items, erased.sessions), (3, 4, 4));
    assert!(erased.bytes > 100_000, "{erased:?}");
    assert_eq!(places(&path), 0, "while the store is open");
    sound(&store).await;
    others.turn("xylem and yeast", "still here").await;
    store.settle().await.unwrap();
    let search = Search {
        words: "xylem".to_owned(),
        thread: None,
        offset: 0,
        limit: 1_000,
    };
    let found = store
        .search(&others.key.user, search.clone())
        .await
        .unwrap();
    assert_eq!(found.len(), 161);
    sound(&store).await;
    store.close().await.unwrap();
    assert_eq!(places(&path), 0);
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    let found = store.search(&key("bob", "x").user, search).await.unwrap();
    assert_eq!(found.len(), 161);
    sound(&store).await;
}

/// While others talk, an erasure ends, and so does each of several at once.
#[tokio::test]
async fn users_are_erased_while_others_talk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let (store, ids) = (
        SqliteStore::open(SqliteOptions::at(&path)).unwrap(),
        Ids::new(),
    );
    let names = ["a", "b", "c"];
    for name in names {
        for thread in ["1", "2"] {
            let mut talk = Talk::new(&store, &ids, name, thread);
            for n in 0..20 {
                talk.turn(&format!("the {WORD} {n}"), "yes").await;
            }
            store.settle().await.unwrap();
        }
    }
    let mut talk = Talk::new(&store, &ids, "other", "1");
    let erase = async |name: &str| store.erase_user(&key(name, "x").user).await.unwrap();
    let talks = async {
        for n in 0..100 {
            talk.turn(&format!("question {n}"), "yes").await;
        }
    };
    let (a, b, c, ()) = tokio::join!(erase("a"), erase("b"), erase("c"), talks);
    for erased in [a, b, c] {
        assert_eq!((erased.threads, erased.messages), (2, 80));
    }
    store.settle().await.unwrap();
    sound(&store).await;
    store.close().await.unwrap();
    assert_eq!(places(&path), 0);
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    sound(&store).await;
}

/// The rows are gone at once; what is left of the words goes with the next settling, whoever does it.
#[tokio::test]
async fn an_erasure_that_was_cut_short_is_ended_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let (store, ids) = (
        SqliteStore::open(SqliteOptions::at(&path)).unwrap(),
        Ids::new(),
    );
    let mut others = Talk::new(&store, &ids, "bob", "1");
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    for n in 0..50 {
        talk.turn(&format!("the {WORD} {n}"), "yes").await;
        others.turn("xylem", "no").await;
        if n % 20 == 0 {
            store.settle().await.unwrap();
        }
    }
    store.settle().await.unwrap();
    let user = talk.key.user.clone();
    let erasing = store.erase_user(&user);
    tokio::pin!(erasing);
    // Handed over, and nobody waits for it any more: the rows go, the rest is not even begun.
    assert!(futures::poll!(erasing.as_mut()).is_pending());
    store
        .put_user(&others.key.user, UserPatch::default())
        .await
        .unwrap();
    assert!(store.user(&user).await.unwrap().is_none());
    store.close().await.unwrap();
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    store.settle().await.unwrap();
    sound(&store).await;
    store.close().await.unwrap();
    assert_eq!(places(&path), 0);
}

/// Metadata that are changed leave nothing of what they were either.
#[tokio::test]
async fn a_changed_title_is_gone_with_its_user() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let (store, ids) = (
        SqliteStore::open(SqliteOptions::at(&path)).unwrap(),
        Ids::new(),
    );
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    for n in 0..30 {
        let patch = ThreadPatch {
            title: Some(format!("{WORD} {}", "x".repeat(n * 40))),
            ..ThreadPatch::default()
        };
        store.update_thread(&talk.key, patch).await.unwrap();
    }
    assert!(places(&path) > 0);
    store.erase_user(&talk.key.user).await.unwrap();
    assert_eq!(places(&path), 0);
}
