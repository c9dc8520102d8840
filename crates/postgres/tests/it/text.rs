//! PostgreSQL's text holds every character but NUL. Whoever writes one gets it back.

use everthread_graph::contract::{ItemQuery, Items, Json, ThreadId, UserId};
use everthread_store::conformance::{Factory, Ids, Talk, sound};
use everthread_store::{ListRecords, NewThread, Search, Session, Store, ThreadPatch, UserPatch};

use crate::conformance::SchemaFactory;

/// Characters that a database, a driver or a shell may stumble over.
const HARD: &str = "a\0b\u{10FFFF}0\u{10FFFF}\u{FFFE}\\ '\"$1%_\u{1E}\r\n";

/// In every text that people or programs choose.
#[tokio::test]
async fn a_nul_is_a_character_like_any_other() {
    let factory = SchemaFactory::new();
    let (store, ids) = (factory.store().await, Ids::new());
    let alice = UserId::new("alice").unwrap();
    let value = Json::of(&HARD).unwrap();
    let patch = UserPatch {
        name: Some(HARD.to_owned()),
        preferences: Some(value.clone()),
        ..UserPatch::default()
    };
    store.put_user(&alice, patch).await.unwrap();
    let user = store.user(&alice).await.unwrap().unwrap();
    assert_eq!(
        (user.name.as_deref(), user.preferences.as_ref()),
        (Some(HARD), Some(&value))
    );
    let session = Session {
        id: HARD.to_owned(),
        client: HARD.to_owned(),
        thread: None,
        started_ms: 1,
        last_ms: 2,
        turns: 3,
    };
    store.put_session(&alice, session.clone()).await.unwrap();
    assert_eq!(store.sessions(&alice, 9).await.unwrap(), [session]);
    let namespace = [HARD.replace('.', ""), "n".to_owned()];
    store
        .put_item(&alice, &namespace, HARD, Some(value.clone()), None)
        .await
        .unwrap();
    let found = store
        .search_items(&alice, ItemQuery::default())
        .await
        .unwrap();
    assert_eq!(
        (&*found[0].key, &*found[0].namespace),
        (HARD, &namespace[..])
    );
    assert!(
        store
            .get_item(&alice, &namespace, HARD)
            .await
            .unwrap()
            .is_some()
    );
    store
        .put_record(HARD, HARD, None, value.clone())
        .await
        .unwrap();
    let records = store.records(HARD, ListRecords::default()).await.unwrap();
    assert_eq!((&*records[0].id, &records[0].body), (HARD, &value));
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    talk.turn(HARD, HARD).await;
    let patch = ThreadPatch {
        title: Some(HARD.to_owned()),
        ..ThreadPatch::default()
    };
    let thread = store.update_thread(&talk.key, patch).await.unwrap();
    assert_eq!(thread.title.as_deref(), Some(HARD));
    sound(&store).await;
}

/// Names are compared as they are, byte by byte, whatever the database's language.
#[tokio::test]
async fn names_with_the_last_character_there_is_differ() {
    let factory = SchemaFactory::new();
    let store = factory.open().await;
    let user = UserId::new("\u{10FFFF}").unwrap();
    for name in ["\u{10FFFF}0", "\u{10FFFF}1", "\u{10FFFF}", "ss", "ß", "SS"] {
        let key = everthread_graph::contract::ThreadKey {
            user: user.clone(),
            thread: ThreadId::new(name).unwrap(),
        };
        let created = store
            .create_thread(&key, NewThread::default())
            .await
            .unwrap();
        assert_eq!(created.id.as_str(), name);
    }
    let profile = store.user(&user).await.unwrap().unwrap();
    assert_eq!(profile.threads, 6);
}

/// The owner's word in the index is the owner's, whatever characters it has.
#[tokio::test]
async fn owners_with_hard_names_find_their_own() {
    let factory = SchemaFactory::new();
    let (store, ids) = (factory.store().await, Ids::new());
    let names = [
        "a b",
        "a",
        "b",
        "a'b",
        "a\\",
        "a\\'",
        "\u{10FFFF}",
        "'a' | 'b'",
        "ß",
        "ss",
    ];
    for name in names {
        Talk::new(&store, &ids, name, "1").turn("zebra", name).await;
    }
    store.settle().await.unwrap();
    for name in names {
        let search = Search {
            words: "zebra".to_owned(),
            thread: None,
            offset: 0,
            limit: 99,
        };
        let user = UserId::new(name).unwrap();
        assert_eq!(
            store.search(&user, search).await.unwrap().len(),
            1,
            "{name}"
        );
    }
    sound(&store).await;
}
