//! What can be opened and what cannot, and that what cannot is left as it is.

use std::fs;
use std::path::Path;
use std::sync::Barrier;

use everthread_sqlite::{Access, SqliteOptions, SqliteStore};
use everthread_store::conformance::{Ids, Talk, key, said, sound};
use everthread_store::{Search, Store, StoreError, StoreErrorKind, UserPatch};
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

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let store = open(&path).unwrap();
    let ids = Ids::new();
    Talk::new(&store, &ids, "alice", "1").turn("a", "b").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&dir.path().join("chat.db-wal")), 0o600);
    store.close().await.unwrap();
    // What an operator has decided stays.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    open(&path).unwrap().close().await.unwrap();
    assert_eq!(mode(&path), 0o640);
}

fn open_to_read(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(SqliteOptions {
        access: Access::ReadOnly,
        ..SqliteOptions::at(path)
    })
}

/// Lets nobody, not even root, begin the file that SQLite needs beside a database with a log.
fn lock_place(path: &Path) {
    let mut name = path.as_os_str().to_owned();
    name.push("-shm");
    // A link that leads to itself cannot be opened.
    std::os::unix::fs::symlink(&name, &name).unwrap();
}

#[tokio::test]
async fn what_cannot_be_written_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("50% of #1?.db");
    made(&path, 3).await;
    lock_place(&path);
    assert_eq!(open(&path).unwrap_err().kind(), StoreErrorKind::Unavailable);
    let before = fs::read(&path).unwrap();
    let store = open_to_read(&path).unwrap();
    let talk = key("alice", "1");
    assert_eq!(said(&store, &talk, None).await.len(), 6);
    let search = Search {
        words: "question".to_owned(),
        thread: None,
        offset: 0,
        limit: 9,
    };
    assert_eq!(store.search(&talk.user, search).await.unwrap().len(), 3);
    sound(&store).await;
    let written = store.put_user(&talk.user, UserPatch::default()).await;
    let refused = written.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    assert!(refused.to_string().contains("only"), "{refused}");
    store.close().await.unwrap();
    assert!(fs::read(&path).unwrap() == before);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    made(&path, 1).await;
    let store = open(&path).unwrap();
    store
        .put_user(&key("bob", "x").user, UserPatch::default())
        .await
        .unwrap();
    let copy = dir.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(
        dir.path().join("chat.db-wal"),
        dir.path().join("copy.db-wal"),
    )
    .unwrap();
    store.close().await.unwrap();
    let both = open_to_read(&copy).unwrap();
    assert!(both.user(&key("bob", "x").user).await.unwrap().is_some());
    both.close().await.unwrap();
    let _ = fs::remove_file(dir.path().join("copy.db-shm"));
    lock_place(&copy);
    let error = open_to_read(&copy).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("copy.db-wal"), "{error}");
}

#[tokio::test]
async fn only_what_is_there_and_known_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let kind = |path: &Path| open_to_read(path).map(drop).unwrap_err().kind();
    assert_eq!(kind(&path), StoreErrorKind::NotFound);
    assert!(!path.exists());
    made(&path, 1).await;
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 9_999).unwrap();
    drop(newer);
    assert_eq!(kind(&path), StoreErrorKind::Newer);
}
