//! A file of each released format is opened for ever, and loses nothing by it.

use std::fs;
use std::path::{Path, PathBuf};

use everthread_graph::contract::{ItemQuery, Items, Multitask};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::conformance::{Ids, Talk, json, key, said, sound};
use everthread_store::{
    FindThreads, ListRecords, RunQuery, RunStatus, Session, Store, Thread, ThreadStatus,
};
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

/// The released formats.
const FORMATS: [u32; 3] = [1, 2, 3];

/// The year 2100.
const LATE_MS: Option<i64> = Some(4_102_444_800_000);

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(SqliteOptions::at(path)).unwrap()
}

/// A copy of the file of a released format.
fn fixture(dir: &Path, format: u32) -> PathBuf {
    let name = format!("format-{format}.db");
    let path = dir.join(&name);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::copy(fixtures.join(name), &path).unwrap();
    path
}

/// The names of the tables, and of the columns of each.
fn tables(connection: &Connection) -> Vec<(String, Vec<String>)> {
    let mut names = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap();
    let names = names.query_map([], |row| row.get(0)).unwrap();
    names
        .map(|name| {
            let name: String = name.unwrap();
            let mut columns = connection
                .prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")
                .unwrap();
            let columns = columns.query_map([&name], |row| row.get(0)).unwrap();
            let columns = columns.map(Result::unwrap).collect();
            (name, columns)
        })
        .collect()
}

/// Every row of these columns.
fn rows(connection: &Connection, table: &str, columns: &[String]) -> Vec<Vec<Value>> {
    let sql = format!("SELECT {} FROM {table} ORDER BY 1, 2", columns.join(", "));
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement
        .query_map([], |row| (0..columns.len()).map(|n| row.get(n)).collect())
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn schema(path: &Path) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// What the migrations make of nothing is what they make of a file of each released format.
#[tokio::test]
async fn a_fresh_file_has_the_schema_of_the_fixtures() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = dir.path().join("fresh.db");
    open(&fresh).close().await.unwrap();
    for format in FORMATS {
        let path = fixture(dir.path(), format);
        open(&path).close().await.unwrap();
        assert_eq!(schema(&fresh), schema(&path), "format {format}");
    }
}

/// The newest format has its file: one that nobody kept would never be opened again.
#[tokio::test]
async fn the_newest_format_has_a_fixture() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = dir.path().join("fresh.db");
    open(&fresh).close().await.unwrap();
    let format: u32 = Connection::open(&fresh)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(FORMATS.last(), Some(&format));
    let path = fixture(dir.path(), format);
    assert_eq!(
        schema(&fresh),
        schema(&path),
        "it is of the format that was released"
    );
}

/// Each row is there, with what each of its columns held.
#[tokio::test]
async fn bringing_a_file_up_to_date_loses_nothing() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let path = fixture(dir.path(), format);
        let before = Connection::open(&path).unwrap();
        let tables: Vec<_> = tables(&before)
            .into_iter()
            .filter(|(name, _)| name != "search" && name != "schema_migrations")
            .collect();
        assert!(tables.len() > 10);
        let dump = |connection: &Connection| -> Vec<_> {
            let rows = |(name, columns): &(String, Vec<String>)| rows(connection, name, columns);
            tables.iter().map(rows).collect()
        };
        let held = dump(&before);
        before.close().unwrap();
        let store = open(&path);
        sound(&store).await;
        store.close().await.unwrap();
        let after = Connection::open(&path).unwrap();
        for ((name, _), (held, has)) in tables.iter().zip(held.iter().zip(dump(&after))) {
            assert_eq!(*held, has, "{name} of format {format}");
        }
    }
}

/// The talk of the fixtures goes on.
async fn goes_on(store: &SqliteStore, said_before: usize) -> Thread {
    sound(store).await;
    let ids = Ids::by_clock();
    let mut talk = Talk::new(store, &ids, "alice", "1");
    assert_eq!(said(store, &talk.key, None).await.len(), said_before);
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    (talk.head, talk.len) = (thread.head, said_before);
    let run = ids.new_run(Multitask::Interrupt);
    let asked = vec![talk.message("human", "still there?")];
    let step = talk.step().say(talk.len, asked).start(&run);
    talk.apply(step, 1).await;
    talk.finish(&run, "yes").await;
    assert_eq!(said(store, &talk.key, None).await.len(), said_before + 2);
    sound(store).await;
    thread
}

#[tokio::test]
async fn a_file_of_format_1_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&fixture(dir.path(), 1));
    let thread = goes_on(&store, 6).await;
    assert_eq!(
        (thread.status, thread.expires_ms),
        (ThreadStatus::Idle, None)
    );
    let user = store.user(&key("alice", "1").user).await.unwrap().unwrap();
    assert!(!user.held);
    let runs = store
        .runs(&key("alice", "1"), RunQuery::default())
        .await
        .unwrap();
    let old = runs.last().unwrap();
    assert_eq!(
        (old.policy, &old.details, old.starts_ms),
        (Multitask::Enqueue, &None, None)
    );
}

#[tokio::test]
async fn a_file_of_format_2_is_opened() {
    holds_what_a_server_keeps(2).await;
}

#[tokio::test]
async fn a_file_of_format_3_is_opened() {
    let (_dir, store) = holds_what_a_server_keeps(3).await;
    store.settle().await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!(stats.largest_users[0].user.as_str(), "alice");
    assert_eq!(stats.largest_users[0].messages, stats.messages);
}

async fn holds_what_a_server_keeps(format: u32) -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&fixture(dir.path(), format));
    let at = key("alice", "1");
    let thread = goes_on(&store, 6).await;
    assert_eq!(
        (thread.status, thread.expires_ms),
        (ThreadStatus::Busy, LATE_MS)
    );
    let query = FindThreads {
        metadata: Some(json(r#"{"graph":"chat"}"#)),
        ..FindThreads::default()
    };
    assert_eq!(store.find_threads(&at.user, query).await.unwrap().total, 2);
    assert_eq!(said(&store, &key("alice", "copy"), None).await.len(), 6);
    let runs = store.runs(&at, RunQuery::default()).await.unwrap();
    let (late, first) = (&runs[1], runs.last().unwrap());
    assert_eq!((late.status, late.starts_ms), (RunStatus::Pending, LATE_MS));
    assert_eq!(late.details, Some(json("{\"late\":true}")));
    assert_eq!(first.policy, Multitask::Interrupt);
    assert_eq!(
        first.details,
        Some(json("{\"assistant\":\"chat\",\"n\":0}"))
    );
    let events = store.events(&at, first.id, Some(0), 9).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [1, 2, 5]);
    let mut items = store
        .search_items(&at.user, ItemQuery::default())
        .await
        .unwrap();
    items.sort_by(|a, b| a.key.cmp(&b.key));
    let items: Vec<_> = items
        .iter()
        .map(|item| (&*item.key, item.expires_ms))
        .collect();
    assert_eq!(items, [("cat", LATE_MS), ("dog", None)]);
    let expected = Session {
        id: "s".to_owned(),
        client: "a test".to_owned(),
        thread: Some(at.thread.clone()),
        started_ms: 1,
        last_ms: 2,
        turns: 3,
    };
    assert_eq!(store.sessions(&at.user, 9).await.unwrap(), [expected]);
    let records = store
        .records("assistant", ListRecords::default())
        .await
        .unwrap();
    assert_eq!((records.len(), records[0].version), (1, 2));
    assert!(store.user(&at.user).await.unwrap().unwrap().held);
    (dir, store)
}
