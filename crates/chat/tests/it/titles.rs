//! A thread gets its title with its first turn, whoever runs it.

use everthread_store::{NewThread, ThreadPatch};

use crate::stage::{Stage, key, says};

#[tokio::test]
async fn a_thread_is_named_after_what_it_begins_with() {
    for graph in ["chat", "review"] {
        let stage = Stage::new(graph);
        stage.run(says("Plan my holiday. Soon.")).await;
        let thread = stage.store.thread(&key()).await.unwrap().unwrap();
        assert_eq!(thread.title.as_deref(), Some("Plan my holiday"), "{graph}");
    }
}

#[tokio::test]
async fn a_title_that_somebody_gave_stays() {
    let stage = Stage::new("chat");
    let new = NewThread {
        title: Some("Mine".to_owned()),
        ..NewThread::default()
    };
    stage.store.create_thread(&key(), new).await.unwrap();
    stage.run(says("Plan my holiday.")).await;
    let patch = ThreadPatch {
        title: Some("Still mine".to_owned()),
        ..ThreadPatch::default()
    };
    let thread = stage.store.thread(&key()).await.unwrap().unwrap();
    assert_eq!(thread.title.as_deref(), Some("Mine"));
    stage.store.update_thread(&key(), patch).await.unwrap();
    stage.run(says("And now?")).await;
    let thread = stage.store.thread(&key()).await.unwrap().unwrap();
    assert_eq!(thread.title.as_deref(), Some("Still mine"));
}
