//! Long-term memory.

use everthread_graph::contract::{ItemQuery, StoreErrorKind};

use super::{Factory, json, key, kinds};
use crate::Store;

fn namespace(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

async fn put(store: &dyn Store, user: &str, parts: &[&str], name: &str, value: Option<&str>) {
    let user = key(user, "x").user;
    store
        .put_item(&user, &namespace(parts), name, value.map(json), None)
        .await
        .unwrap();
}

async fn keys(store: &dyn Store, user: &str, prefix: &[&str]) -> Vec<String> {
    let query = ItemQuery {
        prefix: namespace(prefix),
        ..ItemQuery::default()
    };
    let found = store
        .search_items(&key(user, "x").user, query)
        .await
        .unwrap();
    let mut keys: Vec<String> = found.into_iter().map(|item| item.key).collect();
    keys.sort();
    keys
}

/// A key holds its last value.
pub async fn items_are_stored_changed_and_removed(factory: &dyn Factory) {
    let store = factory.open().await;
    let alice = key("alice", "x").user;
    let at = namespace(&["facts", "pets"]);
    put(
        &*store,
        "alice",
        &["facts", "pets"],
        "dog",
        Some("{\"name\":\"Rex\"}"),
    )
    .await;
    let first = store.get_item(&alice, &at, "dog").await.unwrap().unwrap();
    assert_eq!(
        (first.namespace, first.value),
        (at.clone(), json("{\"name\":\"Rex\"}"))
    );
    put(&*store, "alice", &["facts", "pets"], "dog", Some("null")).await;
    let second = store.get_item(&alice, &at, "dog").await.unwrap().unwrap();
    assert_eq!(
        (second.value, second.created_ms),
        (json("null"), first.created_ms)
    );
    assert!(second.updated_ms >= first.updated_ms);
    for _ in 0..2 {
        put(&*store, "alice", &["facts", "pets"], "dog", None).await;
        assert!(store.get_item(&alice, &at, "dog").await.unwrap().is_none());
    }
}

/// `a.b` is not below `a.bc`, nor `a_` below `ab`.
pub async fn prefixes_end_at_a_part(factory: &dyn Factory) {
    let store = factory.open().await;
    put(&*store, "alice", &["a", "b"], "1", Some("1")).await;
    put(&*store, "alice", &["a", "bc"], "2", Some("1")).await;
    put(&*store, "alice", &["a"], "3", Some("1")).await;
    put(&*store, "alice", &["a_"], "4", Some("1")).await;
    assert_eq!(keys(&*store, "alice", &["a"]).await, ["1", "2", "3"]);
    assert_eq!(keys(&*store, "alice", &["a", "b"]).await, ["1"]);
    assert_eq!(keys(&*store, "alice", &["a_"]).await, ["4"]);
    assert_eq!(keys(&*store, "alice", &["%"]).await, Vec::<String>::new());
    assert_eq!(keys(&*store, "alice", &[]).await, ["1", "2", "3", "4"]);
    let page = ItemQuery {
        offset: 1,
        limit: 2,
        ..ItemQuery::default()
    };
    assert_eq!(
        store
            .search_items(&key("alice", "x").user, page)
            .await
            .unwrap()
            .len(),
        2
    );
}

/// Nobody reads another one's memory.
pub async fn users_have_items_of_their_own(factory: &dyn Factory) {
    let store = factory.open().await;
    put(&*store, "alice", &["a"], "k", Some("\"hers\"")).await;
    put(&*store, "bob", &["a"], "k", Some("\"his\"")).await;
    put(&*store, "bob", &["a"], "k", None).await;
    assert_eq!(keys(&*store, "alice", &[]).await, ["k"]);
    assert!(keys(&*store, "bob", &[]).await.is_empty());
    assert!(keys(&*store, "carol", &[]).await.is_empty());
}

/// Namespaces that could be mixed up are refused.
pub async fn a_namespace_needs_parts(factory: &dyn Factory) {
    let store = factory.open().await;
    for parts in [&[][..], &[""], &["a", ""], &["a.b"]] {
        let user = key("alice", "x").user;
        let outcome = store
            .put_item(&user, &namespace(parts), "k", Some(json("1")), None)
            .await;
        assert_eq!(kinds(&outcome), Some(StoreErrorKind::Invalid), "{parts:?}");
    }
}
