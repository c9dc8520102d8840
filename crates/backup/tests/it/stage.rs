//! A folder with a store, and what tests do with both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use everthread_backup::{Backup, Create, Created, Form, Opener, create, verify};
use everthread_backup::{BackupError, Verified};
use everthread_graph::contract::{StoreError, UserId};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::conformance::{Ids, Talk, json, key};
use everthread_store::portable::{Row, Scope};
use everthread_store::{RunEvent, Session, Store, UserPatch};
use futures::TryStreamExt;
use tempfile::TempDir;

/// The time of tests: 2024-11-22 22:30:45 UTC.
pub(crate) const NOW_MS: i64 = 1_732_314_645_000;

/// Opens SQLite stores.
pub(crate) struct Sqlite;

#[async_trait]
impl Opener for Sqlite {
    async fn open(&self, path: &Path) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(SqliteStore::open(SqliteOptions::at(path))?))
    }

    fn is_open(&self, path: &Path) -> bool {
        SqliteStore::is_open(path)
    }

    fn beside(&self, path: &Path) -> Vec<PathBuf> {
        SqliteStore::files_beside(path)
    }
}

/// A folder.
pub(crate) struct Stage {
    dir: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn store(&self, name: &str) -> Arc<dyn Store> {
        Sqlite.open(&self.path(name)).await.unwrap()
    }

    /// A backup in a folder of its own.
    pub(crate) async fn backup(&self, store: &dyn Store, form: Form, scope: Scope) -> Created {
        let what = Create {
            form,
            scope,
            ..Create::archive(self.path("backups"), NOW_MS)
        };
        create(store, &what, &mut |_, _| {}).await.unwrap()
    }

    pub(crate) async fn verify(&self, path: &Path) -> Result<Verified, BackupError> {
        verify(path, self.dir(), &Sqlite, NOW_MS, &mut |_, _| {}).await
    }
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn open(created: &Created) -> Backup {
    Backup::open(&created.path).unwrap()
}

/// All rows of a store.
pub(crate) async fn rows(store: &dyn Store, scope: &Scope) -> Vec<Row> {
    let batches: Vec<Vec<Row>> = store
        .read_rows(scope)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    batches.into_iter().flatten().collect()
}

/// A small store with something of each kind.
pub(crate) async fn fill(store: &dyn Store, ids: &Ids) {
    for name in ["alice", "bob"] {
        let mut talk = Talk::new(store, ids, name, "main");
        let first = talk
            .turn("What is a zebra?", "A \"horse\"\n\u{1F993}")
            .await;
        talk.turn("And then?", "Then nothing.").await;
        let fork = talk
            .step()
            .from(Some(first))
            .say(2, vec![talk.message("human", "Or else?")])
            .set("mood", "{\n\"is\": null }");
        talk.len = 2;
        talk.apply(fork, 1).await;
        let mut other = Talk::new(store, ids, name, "other");
        let run = other.begin("Hello").await;
        let event = RunEvent {
            seq: 1,
            body: json("null"),
        };
        let told = store.append_events(&other.key, run.id, vec![event]).await;
        told.unwrap();
        other.finish(&run, "Hi").await;
        let patch = UserPatch {
            name: Some(name.to_uppercase()),
            preferences: Some(json("{\"tone\":\"dry\"}")),
            held: None,
        };
        store.put_user(&user(name), patch).await.unwrap();
        let session = Session {
            id: "s".to_owned(),
            client: "test".to_owned(),
            thread: Some(key(name, "main").thread),
            started_ms: 1,
            last_ms: 2,
            turns: 3,
        };
        store.put_session(&user(name), session).await.unwrap();
        let facts = ["facts".to_owned()];
        let value = Some(json("\"blue\""));
        store
            .put_item(&user(name), &facts, "colour", value, None)
            .await
            .unwrap();
    }
    let made = store.put_record("key", "k", None, json("{}")).await;
    made.unwrap();
    store.settle().await.unwrap();
}
