//! Deleting threads.

use everthread_graph::contract::{At, HistoryQuery, Namespace, StoreErrorKind};

use super::{Factory, Ids, Talk, kinds, said, sound};
use crate::{Deleted, Search};

/// Nothing of it is left, and nothing of others is gone.
pub async fn a_thread_goes_with_everything_of_it(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let mut other = Talk::new(&*store, &ids, "alice", "2");
    talk.turn("zebra", "b").await;
    other.turn("zebra", "d").await;
    store.settle().await.unwrap();
    talk.turn("zebra", "f").await;
    let deleted = store.delete_thread(&talk.key).await.unwrap();
    assert_eq!(
        deleted,
        Deleted {
            messages: 4,
            checkpoints: 4,
            runs: 2
        }
    );
    assert!(store.thread(&talk.key).await.unwrap().is_none());
    assert!(
        store
            .load(&talk.key, &Namespace::root(), At::Head)
            .await
            .unwrap()
            .is_none()
    );
    let history = HistoryQuery {
        ns: None,
        before: None,
        limit: 9,
    };
    assert!(store.history(&talk.key, history).await.unwrap().is_empty());
    let search = Search {
        words: "zebra".to_owned(),
        thread: None,
        offset: 0,
        limit: 9,
    };
    assert_eq!(store.search(&talk.key.user, search).await.unwrap().len(), 1);
    assert_eq!(said(&*store, &other.key, None).await, ["zebra", "d"]);
    assert_eq!(
        kinds(&store.delete_thread(&talk.key).await),
        Some(StoreErrorKind::NotFound)
    );
    store.settle().await.unwrap();
    sound(&*store).await;
}

/// A run is not left without its thread.
pub async fn a_thread_with_an_active_run_is_not_deleted(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    assert_eq!(
        kinds(&store.delete_thread(&talk.key).await),
        Some(StoreErrorKind::Busy)
    );
    talk.finish(&run, "b").await;
    store.delete_thread(&talk.key).await.unwrap();
    sound(&*store).await;
}

/// A new thread of an old name begins from nothing.
pub async fn the_same_id_can_be_used_again(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for text in ["first", "second"] {
        let mut talk = Talk::new(&*store, &ids, "alice", "1");
        talk.turn(text, "ok").await;
        assert_eq!(said(&*store, &talk.key, None).await, [text, "ok"]);
        store.settle().await.unwrap();
        let search = Search {
            words: "ok".to_owned(),
            thread: None,
            offset: 0,
            limit: 9,
        };
        assert_eq!(store.search(&talk.key.user, search).await.unwrap().len(), 1);
        sound(&*store).await;
        store.delete_thread(&talk.key).await.unwrap();
    }
}
