//! A copy of the file is of one moment, whatever is written meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use everthread_graph::contract::StoreErrorKind;
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use everthread_store::conformance::{Ids, Talk, kinds, said, sound};

/// Turns that are there before the copy: some megabytes.
const TURNS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_ends_while_others_write_and_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::at(dir.path().join("chat.db"))).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let ids = Ids::new();
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    for _ in 0..TURNS {
        talk.turn(&"x".repeat(20_000), "y").await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let (others, stop) = (Arc::clone(&store), Arc::clone(&done));
    let writer = tokio::spawn(async move {
        let ids = Ids::by_clock();
        let mut talk = Talk::new(&*others, &ids, "bob", "1");
        let mut turns = 0;
        while !stop.load(Ordering::Relaxed) {
            talk.turn("a", "b").await;
            turns += 1;
        }
        turns
    });
    let mut steps = Vec::new();
    for number in 0..3 {
        let copy = dir.path().join(format!("copy-{number}.db"));
        let told = &mut |done, all| steps.push((done, all));
        store.snapshot(&copy, told).await.unwrap();
        let beside = std::fs::read_dir(dir.path()).unwrap().flatten();
        let names: Vec<_> = beside.map(|entry| entry.file_name()).collect();
        let log = format!("copy-{number}.db-wal");
        assert!(
            !names.iter().any(|name| name.to_str() == Some(&log)),
            "{names:?}"
        );
        let copy = SqliteStore::open(SqliteOptions::at(copy)).unwrap();
        assert_eq!(said(&copy, &talk.key, None).await.len(), 2 * TURNS);
        sound(&copy).await;
        copy.close().await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 0, "nobody wrote meanwhile");
    assert!(steps.iter().all(|(done, all)| done <= all));
    let (done, all) = *steps.last().unwrap();
    assert_eq!(done, all);
}

#[tokio::test]
async fn what_is_there_is_never_written_into() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::at(dir.path().join("chat.db"))).unwrap();
    let there = dir.path().join("there.db");
    std::fs::write(&there, "mine").unwrap();
    let refused = store.snapshot(&there, &mut |_, _| {}).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Exists));
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "mine");
    let nowhere = dir.path().join("no/where.db");
    let refused = store.snapshot(&nowhere, &mut |_, _| {}).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::NotFound));
    let memory = SqliteStore::open(SqliteOptions::memory()).unwrap();
    let refused = memory
        .snapshot(&dir.path().join("copy.db"), &mut |_, _| {})
        .await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Invalid));
    assert!(!dir.path().join("copy.db").exists());
}
