//! Rows that contradict themselves are found out, each by what it is.

use std::fs;
use std::path::Path;

use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use rusqlite::Connection;

/// What a check says of the newest fixture after this was done to it.
async fn said_after(sql: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::copy(fixtures.join("format-2.db"), &path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(&format!("PRAGMA foreign_keys = 0; {sql}"))
        .unwrap();
    connection.close().unwrap();
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    let report = store.check(&mut |_, _| {}).await.unwrap();
    let problems = report.problems.into_iter();
    problems
        .map(|problem| format!("{}: {}", problem.place, problem.what))
        .collect()
}

/// A page of the file's own is overwritten: what else is there is read all the same.
#[tokio::test]
async fn what_can_be_read_of_a_damaged_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::copy(fixtures.join("format-2.db"), &path).unwrap();
    let connection = Connection::open(&path).unwrap();
    let (size, page): (usize, usize) = connection
        .query_row(
            "SELECT (SELECT page_size FROM pragma_page_size), rootpage FROM sqlite_schema WHERE name = 'messages'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    connection.close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[(page - 1) * size..page * size].fill(0xAB);
    fs::write(&path, bytes).unwrap();
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    let report = store.check(&mut |_, _| {}).await.unwrap();
    let told = |start: &str| {
        let mut problems = report.problems.iter();
        problems.any(|problem| problem.place.starts_with(start))
    };
    assert!(told("the file"), "{report:?}");
    assert!(told("thread number"), "{report:?}");
    assert!(report.problems.len() > 2, "{report:?}");
}

#[tokio::test]
async fn each_kind_of_row_is_read_by_the_check() {
    assert_eq!(said_after("").await, Vec::<String>::new());
    for (sql, place) in [
        (
            "UPDATE items SET value = '{' WHERE key = 'dog'",
            "item \"dog\"",
        ),
        (
            "UPDATE items SET namespace = 'a..b' WHERE key = 'dog'",
            "item \"dog\"",
        ),
        (
            "UPDATE items SET ttl_ms = NULL WHERE key = 'cat'",
            "item \"cat\"",
        ),
        ("UPDATE sessions SET thread = ''", "session \"s\""),
        ("UPDATE sessions SET user = 99", "sessions"),
        ("UPDATE records SET body = ''", "assistant \"a\""),
        ("UPDATE records SET version = 0", "assistant \"a\""),
        (
            "UPDATE run_events SET body = '0 1' WHERE seq = 0",
            "events 0 to 1",
        ),
        (
            "UPDATE run_events SET last = 2 WHERE seq = 0",
            "events 0 to 2",
        ),
        (
            "UPDATE run_events SET count = 1 WHERE seq = 2",
            "events 2 to 5",
        ),
        ("UPDATE run_events SET thread = 99", "run_events"),
        (
            "UPDATE runs SET policy = 'none' WHERE run = 1",
            "thread 1 of user alice",
        ),
        (
            "UPDATE runs SET details = '{' WHERE run = 1",
            "thread 1 of user alice",
        ),
        (
            "UPDATE runs SET queue = NULL WHERE queue > 0",
            "thread 1 of user alice",
        ),
        ("DELETE FROM runs WHERE run = 1", "thread 1 of user alice"),
        ("DELETE FROM search WHERE rowid = 1", "the search index"),
    ] {
        let said = said_after(sql).await;
        assert!(
            said.iter().any(|one| one.starts_with(place)),
            "{sql}: {said:?}"
        );
    }
}
