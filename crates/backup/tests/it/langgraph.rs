//! Checkpoint databases of all generations of LangGraph, as LangGraph wrote them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use everthread_backup::langgraph::{Left, NamedBy, Owner, Translate, Translation, translate};
use everthread_backup::{Import, Imported, import};
use everthread_graph::contract::{At, ChannelValue, HistoryQuery, Namespace, Source, ThreadKey};
use everthread_sqlite::LangGraphFile;
use everthread_store::conformance::key;
use everthread_store::portable::{OnConflict, Row, Scope};
use everthread_store::{ReadMessages, Store};
use serde_json::Value;

use crate::stage::{Stage, rows, user};

/// All generations, the oldest first.
const GENERATIONS: [&str; 3] = ["v1", "v3", "v4"];

pub(crate) fn sample(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/langgraph");
    folder.join(format!("{name}.sqlite"))
}

fn how() -> Translate {
    Translate {
        owner: Owner {
            before: None,
            rest: user("somebody"),
        },
        title: |text| Some(text.to_uppercase()),
    }
}

async fn translated(stage: &Stage, path: &Path, how: Translate) -> Translation {
    let file = LangGraphFile::open(path).unwrap().unwrap();
    let translation = translate(Box::new(file), stage.dir(), how, &mut |_, _| {}).await;
    translation.unwrap()
}

async fn brought(stage: &Stage, name: &str) -> (Arc<dyn Store>, Translation) {
    let store = stage.store(&format!("{name}.db")).await;
    let translation = translated(stage, &sample(name), how()).await;
    taken(&*store, &translation, OnConflict::Skip).await;
    let report = store.check(&mut |_, _| {}).await.unwrap();
    assert_eq!(report.problems, [], "{name}");
    (store, translation)
}

async fn taken(store: &dyn Store, translation: &Translation, policy: OnConflict) -> Imported {
    let how = Import {
        on_conflict: policy,
        ..Import::default()
    };
    let imported = import(store, translation.backup(), how, &mut |_, _| {}).await;
    imported.unwrap()
}

/// The messages that the state holds: ids and bodies.
async fn state(store: &dyn Store, key: &ThreadKey) -> Vec<(String, Value)> {
    match channel(store, key, "messages").await {
        Some(ChannelValue::List(elements)) => elements
            .iter()
            .map(|element| {
                let id = element.id.as_deref().unwrap().to_owned();
                (id, element.body.read().unwrap())
            })
            .collect(),
        other => panic!("no messages: {other:?}"),
    }
}

async fn channel(store: &dyn Store, key: &ThreadKey, name: &str) -> Option<ChannelValue> {
    let saved = store.load(key, &Namespace::root(), At::Head).await.unwrap();
    let channels = saved.unwrap().channels;
    let found = channels.into_iter().find(|(channel, _)| **channel == *name);
    found.map(|(_, value)| value)
}

async fn value(store: &dyn Store, key: &ThreadKey, name: &str) -> Option<Value> {
    match channel(store, key, name).await {
        Some(ChannelValue::Value(json)) => Some(json.read().unwrap()),
        _ => None,
    }
}

/// All that was said, as a person sees it.
async fn said(store: &dyn Store, key: &ThreadKey) -> Vec<Value> {
    let said = store.messages(key, ReadMessages::default()).await.unwrap();
    said.iter()
        .map(|message| message.body.read().unwrap())
        .collect()
}

async fn transcript(store: &dyn Store, key: &ThreadKey) -> Vec<String> {
    let said = said(store, key).await;
    let text = |body: &Value| body["content"].as_str().unwrap_or("(parts)").to_owned();
    said.iter().map(text).collect()
}

fn texts(messages: &[(String, Value)]) -> Vec<&str> {
    messages
        .iter()
        .map(|(_, body)| body["content"].as_str().unwrap_or("(parts)"))
        .collect()
}

#[tokio::test]
async fn a_summary_leaves_the_transcript_whole() {
    let stage = Stage::new();
    for name in GENERATIONS {
        let (store, _) = brought(&stage, name).await;
        let long = key("alice", "long");
        assert_eq!(
            texts(&state(&*store, &long).await),
            ["hi 3 \u{2713}", "reply 7", "hi 4 \u{2713}", "reply 3"],
            "{name}"
        );
        let said = transcript(&*store, &long).await;
        assert_eq!(said.len(), 10, "{name}: {said:?}");
        assert_eq!(said[..2], ["hi 0 \u{2713}", "reply 1"], "{name}");
        let summary = value(&*store, &long, "summary").await.unwrap();
        assert_eq!(summary, "The user said 6 things.", "{name}");
        assert_eq!(value(&*store, &long, "user_id").await.unwrap(), "alice");
        let thread = store.thread(&long).await.unwrap().unwrap();
        assert_eq!(thread.title.as_deref(), Some("HI 0 \u{2713}"));
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn all_kinds_of_content_come_over() {
    let stage = Stage::new();
    for name in GENERATIONS {
        let (store, translation) = brought(&stage, name).await;
        let kinds = key("bob", "kinds");
        let messages = said(&*store, &kinds).await;
        let roles: Vec<_> = messages
            .iter()
            .map(|body| body["type"].as_str().unwrap())
            .collect();
        let wanted = [
            "system", "human", "ai", "human", "ai", "tool", "ai", "human", "ai", "tool", "human",
        ];
        assert_eq!(roles, wanted, "{name}");
        let body = |at: usize| &messages[at];
        assert_eq!(
            body(1)["content"][1]["image_url"]["url"],
            "data:image/png;base64,iVBORw0KGgo="
        );
        assert_eq!(body(1)["name"], "bob");
        assert_eq!(body(1)["additional_kwargs"]["mood"], "curious");
        assert_eq!(body(2)["usage_metadata"]["total_tokens"], 5);
        assert_eq!(body(2)["response_metadata"]["model_name"], "m-1");
        let call = &body(4)["tool_calls"][0];
        assert_eq!(
            (&call["name"], &call["args"]["at"]),
            (&"look".into(), &"clock".into())
        );
        assert_eq!(body(5)["tool_call_id"], call["id"]);
        assert_eq!(body(5)["artifact"]["raw"][0], 1);
        assert_eq!(body(9)["langchain_type"], "function");
        assert_eq!(body(10)["role"], "user");
        let seen = value(&*store, &kinds, "seen").await.unwrap();
        assert_eq!(seen["at"], "2024-11-22T00:00:00+00:00", "{name}: {seen}");
        assert_eq!(seen["cost"], "1.50");
        assert_eq!(seen["raw"], "AP8=");
        assert_eq!(seen["tags"], serde_json::json!(["x"]));
        assert_eq!(seen["id"], "00000000-0000-0000-0000-000000000007");
        assert_eq!(seen["odd"], Value::Null);
        assert_eq!(
            value(&*store, &kinds, "topics").await.unwrap(),
            serde_json::json!(["t2", "t3"]),
        );
        let bob = store.user(&user("bob")).await.unwrap().unwrap();
        assert_eq!(bob.name.as_deref(), Some("Bob"));
        assert_eq!(
            bob.preferences.unwrap().as_str(),
            r#"{"interests":["Data"]}"#
        );
        let values = translation
            .report()
            .left
            .iter()
            .filter(|left| left.what == Left::Value);
        let values: Vec<_> = values.map(|left| left.why.as_str()).collect();
        assert_eq!(values.len(), 2, "{name}: {values:?}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn history_branches_where_it_did() {
    let stage = Stage::new();
    for name in GENERATIONS {
        let (store, _) = brought(&stage, name).await;
        let fork = key("somebody", "fork");
        let messages = state(&*store, &fork).await;
        assert_eq!(
            texts(&messages),
            ["one", "reply 1", "other", "reply 3"],
            "{name}"
        );
        assert_eq!(transcript(&*store, &fork).await, texts(&messages), "{name}");
        let query = HistoryQuery {
            ns: None,
            before: None,
            limit: 100,
        };
        let history = store.history(&fork, query).await.unwrap();
        assert_eq!(history.len(), 11, "{name}");
        assert!(history.iter().all(|one| {
            one.metadata
                .as_ref()
                .unwrap()
                .as_str()
                .contains("langgraph_checkpoint_id")
        }));
        // The line that was left: what a person changed and took back is gone from it, also for people.
        let taken_back = history.iter().find(|one| {
            one.source == Source::Update && history.iter().all(|next| next.parent != Some(one.id))
        });
        let at = Some(taken_back.unwrap().id);
        let read = ReadMessages {
            at,
            ..ReadMessages::default()
        };
        let said = store.messages(&fork, read).await.unwrap();
        let said: Vec<Value> = said.iter().map(|one| one.body.read().unwrap()).collect();
        let said: Vec<_> = said
            .iter()
            .map(|body| body["content"].as_str().unwrap())
            .collect();
        assert_eq!(said, ["reply 1", "two!", "reply 3"], "{name}");
        let all = rows(&*store, &Scope::Thread(fork)).await;
        let branches = all
            .iter()
            .filter(|row| matches!(row, Row::Branch(_)))
            .count();
        assert_eq!(branches, 2, "{name}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn runs_in_the_middle_keep_what_was_said() {
    let stage = Stage::new();
    for name in GENERATIONS {
        let (store, translation) = brought(&stage, name).await;
        for (thread, said) in [("waits", "ask me"), ("failed", "fail")] {
            let messages = state(&*store, &key("carol", thread)).await;
            assert_eq!(texts(&messages), [said], "{name}");
            let left = &translation.report().left;
            let told = left
                .iter()
                .find(|left| left.what == Left::Run && left.thread.as_deref() == Some(thread));
            assert_eq!(told.unwrap().count, 1, "{name}");
        }
        store.close().await.unwrap();
    }
}

/// The first sample has a step of which one task had finished and the other had failed.
#[tokio::test]
async fn what_a_finished_task_wrote_is_not_lost() {
    let stage = Stage::new();
    let (store, translation) = brought(&stage, "v1_pending").await;
    let alice = key("alice", "alice");
    assert_eq!(
        texts(&state(&*store, &alice).await),
        ["hi 0 \u{2713}", "reply 1", "ok", "sys"]
    );
    assert_eq!(value(&*store, &alice, "summary").await, Some("w".into()));
    let report = translation.report();
    assert_eq!((report.conversations, report.messages), (1, 4));
    assert_eq!(
        report.checkpoints, 4,
        "one more than LangGraph had: the unfinished step"
    );
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_list_that_is_kept_as_its_changes_is_put_together() {
    let stage = Stage::new();
    let (store, _) = brought(&stage, "v4").await;
    let delta = key("dora", "delta");
    let messages = state(&*store, &delta).await;
    assert_eq!(
        texts(&messages),
        [
            "delta 0", "reply 1", "reply 3", "delta 2", "reply 5", "delta 3", "reply 7", "delta 4",
            "reply 8", "delta 5", "reply 10"
        ]
    );
    assert_eq!(messages[1].0, "da-1");
    store.close().await.unwrap();
}

#[tokio::test]
async fn importing_again_changes_nothing() {
    let stage = Stage::new();
    for name in GENERATIONS {
        let (store, first) = brought(&stage, name).await;
        let before = rows(&*store, &Scope::Whole).await;
        let again = translated(&stage, &sample(name), how()).await;
        assert_eq!(again.backup().facts().counts, first.backup().facts().counts);
        for policy in [OnConflict::Skip, OnConflict::Newer, OnConflict::Copy] {
            let imported = taken(&*store, &again, policy).await;
            assert_eq!(imported.rows_written, 0, "{name}: {policy:?}");
            assert_eq!(imported.threads_kept, first.report().conversations);
        }
        taken(&*store, &again, OnConflict::Replace).await;
        assert_eq!(rows(&*store, &Scope::Whole).await, before, "{name}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn users_are_named_where_they_can_be_found() {
    let stage = Stage::new();
    let mut how = how();
    how.owner.before = Some("k".to_owned());
    let path = stage.path("named.sqlite");
    std::fs::copy(sample("v4"), &path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "UPDATE checkpoints SET checkpoint_ns = 'zoe' WHERE thread_id = 'kinds';
             UPDATE checkpoints SET metadata = '{}' WHERE thread_id = 'kinds';
             INSERT INTO checkpoints SELECT 'long', 'chat:' || checkpoint_id, checkpoint_id, NULL, type, checkpoint, metadata
               FROM checkpoints WHERE thread_id = 'waits';
             INSERT INTO checkpoints SELECT 'bad' || char(10), '', checkpoint_id, NULL, type, checkpoint, metadata
               FROM checkpoints WHERE thread_id = 'waits';
             INSERT INTO checkpoints SELECT 'secret', '', checkpoint_id, NULL, 'msgpack+aes', checkpoint, metadata
               FROM checkpoints WHERE thread_id = 'waits';
             CREATE TABLE store (prefix TEXT, key TEXT, value TEXT); INSERT INTO store VALUES ('a', 'b', '{}');",
        )
        .unwrap();
    drop(connection);
    let translation = translated(&stage, &path, how).await;
    let report = translation.report();
    let by: Vec<_> = report
        .owners
        .iter()
        .map(|(by, count)| (*by, *count))
        .collect();
    // `fork` is `for` before its `k`.
    assert_eq!(
        by,
        [
            (NamedBy::State, 4),
            (NamedBy::Namespace, 1),
            (NamedBy::Thread, 1),
            (NamedBy::Rest, 1)
        ]
    );
    assert_eq!(report.conversations, 6);
    let left = |what: Left| {
        let found = report.left.iter().filter(|left| left.what == what);
        found
            .map(|left| (left.thread.as_deref(), left.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(left(Left::Subgraph), [(Some("long"), 2)]);
    assert_eq!(
        left(Left::Conversation),
        [(Some("bad\\n"), 1), (Some("secret"), 1)]
    );
    assert_eq!(left(Left::Checkpoint), [(Some("secret"), 2)]);
    assert_eq!(left(Left::Memory), [(None, 1)]);
    let store = stage.store("chat.db").await;
    taken(&*store, &translation, OnConflict::Skip).await;
    for (user, thread) in [("zoe", "kinds"), ("for", "fork"), ("alice", "long")] {
        assert!(
            store.thread(&key(user, thread)).await.unwrap().is_some(),
            "{user}"
        );
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn other_files_are_no_checkpoint_databases() {
    let stage = Stage::new();
    let store = stage.store("chat.db").await;
    store.close().await.unwrap();
    assert!(
        LangGraphFile::open(&stage.path("chat.db"))
            .unwrap()
            .is_none()
    );
    for (name, sql) in [
        ("empty", ""),
        ("other", "CREATE TABLE checkpoints (a, b)"),
        (
            "view",
            "CREATE VIEW checkpoints AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
               SELECT i AS thread_id, '' AS checkpoint_ns, i AS checkpoint_id, NULL AS parent_checkpoint_id, 'json' AS type,
               'x' AS checkpoint, '{}' AS metadata FROM n;
             CREATE TABLE writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value)",
        ),
        (
            "computed",
            "CREATE TABLE checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type,
               checkpoint AS (zeroblob(1000000000)), metadata);
             CREATE TABLE writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value)",
        ),
    ] {
        let path = stage.path(&format!("{name}.sqlite"));
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        assert!(LangGraphFile::open(&path).unwrap().is_none(), "{name}");
    }
}

/// A program has the database open: its log is read too, and nothing of it is changed.
#[tokio::test]
async fn a_database_in_use_is_read_with_its_log() {
    let stage = Stage::new();
    let path = stage.path("live.sqlite");
    std::fs::copy(sample("v3"), &path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             DELETE FROM checkpoints WHERE thread_id = 'long'",
        )
        .unwrap();
    let log = std::fs::read(stage.path("live.sqlite-wal")).unwrap();
    assert!(!log.is_empty());
    let translation = translated(&stage, &path, how()).await;
    assert_eq!(translation.report().conversations, 4);
    assert_eq!(std::fs::read(stage.path("live.sqlite-wal")).unwrap(), log);
    drop(connection);
}
