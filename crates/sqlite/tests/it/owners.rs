//! Whose a run is, and whether that store is still open somewhere.

use std::fs;
use std::path::Path;

use everthread_graph::contract::Multitask;
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::conformance::{Ids, Talk, apply, kinds, sound};
use everthread_store::{Store, StoreErrorKind};

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(SqliteOptions::at(path)).unwrap()
}

/// A run goes on, whatever another store wants that is opened meanwhile.
async fn is_left_alone(path: &Path, meanwhile: impl FnOnce() -> SqliteStore) {
    let (store, ids) = (open(path), Ids::new());
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let other = meanwhile();
    let step = talk.step().start(&ids.new_run(Multitask::Reject));
    assert_eq!(
        kinds(&apply(&other, step.build()).await),
        Some(StoreErrorKind::Busy)
    );
    assert!(other.claim(&talk.key).await.unwrap().is_empty());
    talk.finish(&run, "b").await;
    other.close().await.unwrap();
    sound(&store).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_the_file_leads_to_the_same_owners() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("chat.db"), dir.path().join("link.db"));
    is_left_alone(&path, || {
        std::os::unix::fs::symlink(&path, &link).unwrap();
        open(&link)
    })
    .await;
    assert!(!dir.path().join("link.db-owners").exists());
}

/// The link may be there before the file is.
#[cfg(unix)]
#[tokio::test]
async fn a_link_through_which_the_file_was_created_leads_to_the_same_owners() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("chat.db"), dir.path().join("link.db"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    is_left_alone(&link, || open(&path)).await;
}

/// A lock file that cannot be looked at proves no death.
#[tokio::test]
async fn an_owner_whose_lock_cannot_be_opened_is_alive() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    is_left_alone(&path, || {
        let owners = dir.path().join("chat.db-owners");
        let locks: Vec<_> = fs::read_dir(&owners).unwrap().map(Result::unwrap).collect();
        assert_eq!(locks.len(), 1);
        fs::rename(locks[0].path(), dir.path().join("elsewhere")).unwrap();
        // Not even the superuser opens a folder for writing.
        fs::create_dir(locks[0].path()).unwrap();
        open(&path)
    })
    .await;
}
