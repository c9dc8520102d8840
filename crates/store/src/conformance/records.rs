//! Documents of the whole deployment.

use everthread_graph::contract::StoreErrorKind;

use super::{Factory, json, kinds, sound};
use crate::ListRecords;

/// Created once, changed by whoever knows its version, deleted.
pub async fn records_are_created_changed_and_deleted(factory: &dyn Factory) {
    let store = factory.open().await;
    assert_eq!(store.record("key", "1").await.unwrap(), None);
    let created = store
        .put_record("key", "1", None, json("{\"a\":1}"))
        .await
        .unwrap();
    assert_eq!((created.version, &created.body), (1, &json("{\"a\":1}")));
    assert_eq!((created.kind.as_str(), created.id.as_str()), ("key", "1"));
    assert_eq!(
        store.record("key", "1").await.unwrap(),
        Some(created.clone())
    );
    let again = store.put_record("key", "1", None, json("2")).await;
    assert_eq!(kinds(&again), Some(StoreErrorKind::Exists));
    let changed = store
        .put_record("key", "1", Some(1), json("2"))
        .await
        .unwrap();
    assert_eq!(
        (changed.version, changed.created_ms),
        (2, created.created_ms)
    );
    assert!(changed.updated_ms >= created.updated_ms);
    for (id, version) in [("1", 1), ("1", 3), ("none", 1)] {
        let stale = store.put_record("key", id, Some(version), json("3")).await;
        assert_eq!(
            kinds(&stale),
            Some(StoreErrorKind::Conflict),
            "{id} {version}"
        );
    }
    assert_eq!(store.record("key", "1").await.unwrap(), Some(changed));
    assert!(store.delete_record("key", "1").await.unwrap());
    assert!(!store.delete_record("key", "1").await.unwrap());
    assert_eq!(store.record("key", "1").await.unwrap(), None);
    for (kind, id) in [("", "1"), ("key", "")] {
        let refused = store.put_record(kind, id, None, json("1")).await;
        assert_eq!(kinds(&refused), Some(StoreErrorKind::Invalid));
    }
    sound(&*store).await;
}

/// One kind at a time, the oldest first, in pages.
pub async fn records_are_listed_by_kind(factory: &dyn Factory) {
    let store = factory.open().await;
    for id in ["a", "b", "c"] {
        store
            .put_record("assistant", id, None, json("1"))
            .await
            .unwrap();
    }
    store.put_record("key", "a", None, json("2")).await.unwrap();
    let listed = async |kind: &str, offset, limit| {
        let found = store
            .records(kind, ListRecords { offset, limit })
            .await
            .unwrap();
        found.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(listed("assistant", 0, 9).await, ["a", "b", "c"]);
    assert_eq!(listed("assistant", 1, 1).await, ["b"]);
    assert_eq!(listed("key", 0, 9).await, ["a"]);
    assert!(listed("%", 0, 9).await.is_empty());
}

/// Of two who change the same version one learns of the other.
pub async fn of_two_changes_one_is_told(factory: &dyn Factory) {
    let (one, two) = (factory.open().await, factory.open().await);
    one.put_record("key", "1", None, json("0")).await.unwrap();
    let (a, b) = tokio::join!(
        one.put_record("key", "1", Some(1), json("1")),
        two.put_record("key", "1", Some(1), json("2")),
    );
    assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1);
    let refused = kinds(&a).or_else(|| kinds(&b));
    assert_eq!(refused, Some(StoreErrorKind::Conflict));
    assert_eq!(two.record("key", "1").await.unwrap().unwrap().version, 2);
}
