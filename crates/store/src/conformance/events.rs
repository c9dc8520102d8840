//! What runs told.

use everthread_graph::contract::{Multitask, StoreErrorKind};

use super::{Factory, Ids, Talk, json, kinds, sound};
use crate::RunEvent;

fn events(numbers: &[u64]) -> Vec<RunEvent> {
    let event = |&seq: &u64| RunEvent {
        seq,
        body: json(&format!("{{\"n\": {seq}, \"text\": \"a b\\n\"}}")),
    };
    numbers.iter().map(event).collect()
}

/// In order and as they were, from any number on, in pages.
pub async fn events_come_back_in_order(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let other = ids.run();
    for batch in [&[0, 1, 2][..], &[], &[5], &[6, 9]] {
        store
            .append_events(&talk.key, run.id, events(batch))
            .await
            .unwrap();
    }
    store
        .append_events(&talk.key, other, events(&[0]))
        .await
        .unwrap();
    for (after, limit, expected) in [
        (None, 99, &[0, 1, 2, 5, 6, 9][..]),
        (None, 2, &[0, 1]),
        (Some(0), 99, &[1, 2, 5, 6, 9]),
        (Some(1), 3, &[2, 5, 6]),
        (Some(3), 99, &[5, 6, 9]),
        (Some(9), 99, &[]),
        (Some(u64::MAX), 99, &[]),
        (None, 0, &[]),
    ] {
        let found = store.events(&talk.key, run.id, after, limit).await.unwrap();
        assert_eq!(found, events(expected), "after {after:?}");
    }
    let strange = Talk::new(&*store, &ids, "bob", "1").key;
    assert!(
        store
            .events(&strange, run.id, None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    sound(&*store).await;
}

/// Numbers that do not ascend, and threads that are not there.
pub async fn events_that_do_not_fit_are_refused(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = ids.run();
    let early = store.append_events(&talk.key, run, events(&[1])).await;
    assert_eq!(kinds(&early), Some(StoreErrorKind::NotFound));
    talk.turn("a", "b").await;
    store
        .append_events(&talk.key, run, events(&[1, 4]))
        .await
        .unwrap();
    for bad in [&[4][..], &[2], &[7, 7], &[8, 7]] {
        let refused = store.append_events(&talk.key, run, events(bad)).await;
        assert_eq!(kinds(&refused), Some(StoreErrorKind::Invalid), "{bad:?}");
    }
    assert_eq!(
        store.events(&talk.key, run, None, 9).await.unwrap().len(),
        2
    );
    sound(&*store).await;
}

/// Old ones go, but for those of runs that are live; those of a deleted thread go with it.
pub async fn old_events_go(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let ended = talk.begin("a").await;
    talk.finish(&ended, "b").await;
    let live = talk.begin("c").await;
    let waiting = ids.new_run(Multitask::Enqueue);
    store
        .enqueue_run(&talk.key, waiting.clone(), None)
        .await
        .unwrap();
    for run in [ended.id, live.id, waiting.id] {
        store
            .append_events(&talk.key, run, events(&[1, 2]))
            .await
            .unwrap();
        store
            .append_events(&talk.key, run, events(&[3]))
            .await
            .unwrap();
    }
    assert_eq!(store.delete_events_before(1).await.unwrap(), 0);
    assert_eq!(store.delete_events_before(i64::MAX).await.unwrap(), 3);
    for (run, left) in [(ended.id, 0), (live.id, 3), (waiting.id, 3)] {
        assert_eq!(
            store.events(&talk.key, run, None, 9).await.unwrap().len(),
            left
        );
    }
    talk.finish(&live, "d").await;
    assert_eq!(store.delete_events_before(i64::MAX).await.unwrap(), 3);
    store.delete_thread(&talk.key).await.unwrap();
    assert_eq!(store.delete_events_before(i64::MAX).await.unwrap(), 0);
    sound(&*store).await;
}
