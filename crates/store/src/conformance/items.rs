//! Long-term memory.

use everthread_graph::contract::{ItemFilter, ItemQuery, NamespaceQuery, StoreErrorKind};

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

/// A filter is applied before pages are cut.
pub async fn items_are_filtered_by_their_values(factory: &dyn Factory) {
    let store = factory.open().await;
    for (n, color) in ["red", "blue", "red", "red", "blue"]
        .into_iter()
        .enumerate()
    {
        let value = format!("{{\"color\":\"{color}\",\"n\":{n}}}");
        put(&*store, "alice", &["a"], &n.to_string(), Some(&value)).await;
    }
    put(&*store, "alice", &["a"], "odd", Some("[1]")).await;
    let find = async |filter: &str, offset, limit| {
        let query = ItemQuery {
            filter: Some(ItemFilter::parse(&json(filter)).unwrap()),
            offset,
            limit,
            ..ItemQuery::default()
        };
        let alice = key("alice", "x").user;
        let found = store.search_items(&alice, query).await.unwrap();
        let mut keys: Vec<String> = found.into_iter().map(|item| item.key).collect();
        keys.sort();
        keys
    };
    assert_eq!(find(r#"{"color":"red"}"#, 0, 9).await, ["0", "2", "3"]);
    assert_eq!(
        find(r#"{"color":"red","n":{"$gt":0}}"#, 0, 9).await,
        ["2", "3"]
    );
    assert_eq!(
        find(r#"{"n":{"$ne":1}}"#, 0, 9).await,
        ["0", "2", "3", "4", "odd"]
    );
    assert!(find(r#"{"missing":1}"#, 0, 9).await.is_empty());
    let first = find(r#"{"color":"red"}"#, 0, 2).await;
    let rest = find(r#"{"color":"red"}"#, 2, 2).await;
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert!(!first.contains(&rest[0]));
}

/// Each once, by the parts that they begin and end with, as deep as is asked for.
pub async fn namespaces_are_listed(factory: &dyn Factory) {
    let store = factory.open().await;
    for parts in [&["a", "b", "c"][..], &["a", "b", "d"], &["a", "x"], &["z"]] {
        put(&*store, "alice", parts, "k", Some("1")).await;
        put(&*store, "alice", parts, "l", Some("1")).await;
    }
    put(&*store, "bob", &["bobs"], "k", Some("1")).await;
    let list = async |change: &dyn Fn(&mut NamespaceQuery)| {
        let mut query = NamespaceQuery::default();
        change(&mut query);
        let found = store
            .namespaces(&key("alice", "x").user, query)
            .await
            .unwrap();
        found
            .into_iter()
            .map(|parts| parts.join("."))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&|_| ()).await, ["a.b.c", "a.b.d", "a.x", "z"]);
    assert_eq!(
        list(&|query| query.prefix = namespace(&["a", "b"])).await,
        ["a.b.c", "a.b.d"]
    );
    assert_eq!(
        list(&|query| query.suffix = namespace(&["x"])).await,
        ["a.x"]
    );
    assert_eq!(
        list(&|query| query.prefix = namespace(&["*", "x"])).await,
        ["a.x"]
    );
    assert_eq!(
        list(&|query| query.max_depth = Some(2)).await,
        ["a.b", "a.x", "z"]
    );
    assert_eq!(
        list(&|query| (query.offset, query.limit) = (1, 2)).await,
        ["a.b.d", "a.x"]
    );
    put(&*store, "alice", &["z"], "k", None).await;
    put(&*store, "alice", &["z"], "l", None).await;
    assert_eq!(list(&|_| ()).await.last().unwrap(), "a.x");
}

/// What has ended is not there, for no call; stored again it is new.
pub async fn an_item_that_ended_is_not_there(factory: &dyn Factory) {
    let store = factory.open().await;
    let alice = key("alice", "x").user;
    let at = namespace(&["a"]);
    let put_until = async |name: &str, expires_ms| {
        store
            .put_item(&alice, &at, name, Some(json("1")), expires_ms)
            .await
            .unwrap();
    };
    put_until("ends", Some(i64::MAX)).await;
    put_until("never", None).await;
    put_until("ended", Some(1)).await;
    assert_eq!(keys(&*store, "alice", &[]).await, ["ends", "never"]);
    assert!(
        store
            .get_item(&alice, &at, "ended")
            .await
            .unwrap()
            .is_none()
    );
    assert!(!store.refresh_item(&alice, &at, "ended").await.unwrap());
    let ends = store.get_item(&alice, &at, "ends").await.unwrap().unwrap();
    assert_eq!(ends.expires_ms, Some(i64::MAX));
    put_until("never", Some(1)).await;
    put_until("ends", None).await;
    assert_eq!(keys(&*store, "alice", &[]).await, ["ends"]);
    let ends = store.get_item(&alice, &at, "ends").await.unwrap().unwrap();
    assert_eq!(ends.expires_ms, None);
    assert!(store.refresh_item(&alice, &at, "ends").await.unwrap());
    put_until("ends", Some(1)).await;
    let none = store.namespaces(&alice, NamespaceQuery::default()).await;
    assert!(none.unwrap().is_empty());
    put_until("ended", None).await;
    assert_eq!(keys(&*store, "alice", &[]).await, ["ended"]);
    super::sound(&*store).await;
}
