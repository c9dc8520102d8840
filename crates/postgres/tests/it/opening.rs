//! Opening a store: its schema, its format, and what is refused.

use everthread_graph::contract::{StoreErrorKind, UserId};
use everthread_postgres::{PostgresOptions, PostgresStore};
use everthread_store::{ListUsers, Store, UserPatch};

use crate::conformance::SchemaFactory;
use crate::postgres::Server;

fn alice() -> UserId {
    UserId::new("alice").unwrap()
}

/// Processes that start together bring the format up to date once.
#[tokio::test(flavor = "multi_thread")]
async fn many_may_create_one_schema_at_once() {
    let factory = SchemaFactory::new();
    let opening: Vec<_> = (0..8)
        .map(|_| tokio::spawn(PostgresStore::open(factory.options())))
        .collect();
    let mut stores = Vec::new();
    for store in opening {
        stores.push(store.await.unwrap().unwrap());
    }
    stores[0]
        .put_user(&alice(), UserPatch::default())
        .await
        .unwrap();
    for store in &stores {
        assert!(store.user(&alice()).await.unwrap().is_some());
        store.close().await.unwrap();
    }
}

/// Any name is a schema's, and stores of one database are strangers to each other.
#[tokio::test]
async fn a_schema_has_any_name() {
    let server = Server::shared();
    let names = ["Chat Bots", "select", "a\"b'c", "our.", "ünï", "a.b"];
    for (n, name) in names.into_iter().enumerate() {
        let mut options = PostgresOptions::from_url(&server.url()).unwrap();
        options.schema = name.to_owned();
        for _ in 0..2 {
            let store = PostgresStore::open(options.clone()).await.unwrap();
            let patch = UserPatch {
                name: Some(n.to_string()),
                ..UserPatch::default()
            };
            store.put_user(&alice(), patch).await.unwrap();
            let users = store.users(ListUsers::default()).await.unwrap();
            assert_eq!(users.len(), 1);
            let stats = store.stats().await.unwrap();
            assert!(stats.users == 1 && stats.storage.contains(name));
            assert!(
                store
                    .check(&mut |_, _| ())
                    .await
                    .unwrap()
                    .problems
                    .is_empty()
            );
            store.close().await.unwrap();
        }
    }
    for (n, name) in names.into_iter().enumerate() {
        let mut options = PostgresOptions::from_url(&server.url()).unwrap();
        options.schema = name.to_owned();
        let store = PostgresStore::open(options).await.unwrap();
        let user = store.user(&alice()).await.unwrap().unwrap();
        assert_eq!(user.name, Some(n.to_string()));
        store.close().await.unwrap();
    }
}

/// What a newer version wrote is not touched.
#[tokio::test]
async fn a_newer_format_is_refused() {
    let server = Server::shared();
    let url = format!("{}?schema=newer", server.url());
    let factory = SchemaFactory::at(url);
    factory.store().await.close().await.unwrap();
    server.psql("INSERT INTO newer.schema_migrations VALUES (999, 'of the future', 0)");
    let refused = PostgresStore::open(factory.options()).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Newer);
    assert_eq!(
        server.psql("SELECT max(format) FROM newer.schema_migrations"),
        "999"
    );
}

/// Nor is what belongs to somebody else.
#[tokio::test]
async fn the_tables_of_another_program_are_refused() {
    let server = Server::shared();
    server.psql("CREATE SCHEMA theirs; CREATE TABLE theirs.users (id int)");
    let options = PostgresOptions::from_url(&format!("{}?schema=theirs", server.url())).unwrap();
    let refused = PostgresStore::open(options).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Invalid);
    let tables = server.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'theirs'");
    assert_eq!(tables, "1");
}

/// A server that is not there, a database that is not there, a user who may not.
#[tokio::test]
async fn what_cannot_be_reached_is_unavailable() {
    let server = Server::shared();
    server.psql("CREATE ROLE guest LOGIN");
    let urls = [
        format!(
            "postgres://everthread@127.0.0.1:{}/postgres",
            crate::postgres::free_port()
        ),
        server.url().replace("/postgres", "/nowhere"),
        server.url().replace("everthread@", "guest@"),
    ];
    for url in urls {
        let options = PostgresOptions::from_url(&url).unwrap();
        let refused = PostgresStore::open(options).await.unwrap_err();
        assert_eq!(
            refused.kind(),
            StoreErrorKind::Unavailable,
            "{url}: {refused}"
        );
    }
}
