//! The shortest way through the store, in a file and in memory.

use everthread_graph::contract::{
    Admission, At, ChannelValue, Checkpointer, Fence, HistoryQuery, Multitask, Namespace,
};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::conformance::{Ids, Step, apply, element, key, value};
use everthread_store::{ReadMessages, RunQuery, RunStatus, Store};

async fn a_turn(store: &SqliteStore) {
    let ids = Ids::new();
    let key = key("alice", "1");
    let run = ids.new_run(Multitask::Enqueue);
    let asked = Step::after(&ids, &key, None)
        .say(0, vec![element("q1", "human", "hello")])
        .start(&run);
    let head = asked.id();
    assert_eq!(
        apply(store, asked.build()).await.unwrap(),
        Admission::Applied(Fence(1))
    );
    let answered = Step::after(&ids, &key, Some(head))
        .say(1, vec![element("a1", "ai", "hi \0 there")])
        .set("summary", "\"short\"")
        .end(run.id, Fence(1));
    let head = answered.id();
    assert_eq!(
        apply(store, answered.build()).await.unwrap(),
        Admission::Applied(Fence(1))
    );

    let saved = store
        .load(&key, &Namespace::root(), At::Head)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((saved.checkpoint.id, saved.last), (head, head));
    assert_eq!(saved.checkpoint.run, Some(run.id));
    let Some(ChannelValue::List(messages)) = value(&saved, "messages") else {
        panic!("{saved:?}");
    };
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1], element("a1", "ai", "hi \0 there"));
    let thread = store.thread(&key).await.unwrap().unwrap();
    assert_eq!((thread.messages, thread.turns, thread.branches), (2, 1, 1));
    let read = store.messages(&key, ReadMessages::default()).await.unwrap();
    assert_eq!(
        read.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["q1", "a1"]
    );
    let runs = store
        .runs(
            &key,
            RunQuery {
                limit: 10,
                ..RunQuery::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(runs[0].status, RunStatus::Success);
    let query = HistoryQuery {
        ns: None,
        before: None,
        limit: 10,
    };
    assert_eq!(store.history(&key, query).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_turn_in_memory() {
    let store = SqliteStore::open(SqliteOptions::memory()).unwrap();
    a_turn(&store).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_turn_in_a_file_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    a_turn(&store).await;
    store.close().await.unwrap();
    let names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|one| one.unwrap().file_name())
        .collect();
    assert_eq!(names, ["chat.db"], "a closed store is one file");
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    let head = store
        .load(&key("alice", "1"), &Namespace::root(), At::Head)
        .await
        .unwrap();
    assert!(head.is_some());
}
