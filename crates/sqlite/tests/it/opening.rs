//! What can be opened and what cannot, and that what cannot is left as it is.

use std::fs;
use std::path::Path;
use std::sync::Barrier;

use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::conformance::{Ids, Talk};
use everthread_store::{Store, StoreError, StoreErrorKind};
use rusqlite::Connection;

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(SqliteOptions::at(path))
}

/// It is refused for this reason, in words that name the file, and stays as it is.
fn refused(path: &Path, kind: StoreErrorKind) -> String {
    let before = fs::read(path).ok();
    let error = open(path).map(drop).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(fs::read(path).ok(), before, "a refused file is not touched");
    let said = error.to_string();
    assert!(said.contains(&path.display().to_string()), "{said}");
    said
}

async fn made(path: &Path, turns: usize) -> Ids {
    let ids = Ids::new();
    let store = open(path).unwrap();
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    for _ in 0..turns {
        talk.turn("a question", "an answer").await;
    }
    store.close().await.unwrap();
    ids
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    fs::write(&path, "Dear diary, this is no database.\n".repeat(100)).unwrap();
    refused(&path, StoreErrorKind::Corrupt);
}

#[test]
fn the_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(other);
    refused(&path, StoreErrorKind::Invalid);
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    made(&path, 1).await;
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 1_000).unwrap();
    newer.close().unwrap();
    let said = refused(&path, StoreErrorKind::Newer);
    assert!(said.contains("1000"), "{said}");
}

#[tokio::test]
async fn a_truncated_file_is_refused_or_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    made(&path, 20).await;
    let whole = fs::read(&path).unwrap();
    for part in [whole.len() / 2, 5_000, 50] {
        fs::write(&path, &whole[..part]).unwrap();
        refused(&path, StoreErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn a_damaged_page_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    made(&path, 50).await;
    let whole = fs::read(&path).unwrap();
    let (mut found, mut tried) = (0, 0);
    for page in (1..whole.len() / 4_096).step_by(3) {
        let mut damaged = whole.clone();
        damaged[page * 4_096..][..4_096].fill(0xA5);
        fs::write(&path, &damaged).unwrap();
        tried += 1;
        let problems = match open(&path) {
            Ok(store) => match store.check(&mut |_, _| {}).await {
                Ok(report) => !report.problems.is_empty(),
                Err(error) => error.kind() == StoreErrorKind::Corrupt,
            },
            Err(error) => error.kind() == StoreErrorKind::Corrupt,
        };
        found += usize::from(problems);
    }
    assert!(tried > 5);
    assert_eq!(found, tried);
}

#[test]
fn a_folder_and_a_missing_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    refused(dir.path(), StoreErrorKind::Invalid);
    refused(
        &dir.path().join("no/such/chat.db"),
        StoreErrorKind::NotFound,
    );
    assert!(!dir.path().join("no").exists());
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&file.join("chat.db"), StoreErrorKind::NotFound);
}

/// Not even the superuser can create a file there.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    refused(Path::new("/proc/self/chat.db"), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    fs::write(&path, "").unwrap();
    made(&path, 1).await;
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

/// Whoever comes while another creates the file finds nothing yet or all of it.
#[test]
fn many_may_create_one_file_at_once() {
    const AT_ONCE: usize = 8;
    for _ in 0..25 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chat.db");
        let ready = Barrier::new(AT_ONCE);
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    ready.wait();
                    open(&path).map(drop).unwrap();
                });
            }
        });
    }
}

#[test]
fn urls_name_files_or_memory() {
    for bad in ["", "sqlite:", "postgres://x", "chat.db", "SQLITE:x"] {
        let error = SqliteOptions::from_url(bad).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{bad:?}");
    }
}
