//! What goes into a backup comes out of it, exactly.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use everthread_backup::{
    Backup, BackupErrorKind, Create, Form, KeepRules, create, import, list, newest_verified, prune,
};
use everthread_graph::contract::{
    Multitask, PendingWrites, RunMark, RunOutcome, TaskWrites, WriteSlot,
};
use everthread_store::conformance::{Ids, Talk, json, key};
use everthread_store::portable::{OnConflict, Row, Scope, WriteRows};
use everthread_store::{Kept, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::stage::{NOW_MS, Stage, fill, open, rows, user};

/// The entries of an archive, as another program reads them.
fn entries(path: &Path) -> BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        found.insert(entry.name().unwrap().into_owned(), text);
    }
    found
}

fn scopes() -> [Scope; 3] {
    [
        Scope::Whole,
        Scope::User(user("alice")),
        Scope::Thread(key("alice", "main")),
    ]
}

/// Archive and export of a scope, taken into an empty store, give the same again.
async fn comes_back(stage: &Stage, store: &dyn Store, scope: &Scope, again: &str) {
    let before = rows(store, scope).await;
    for form in [Form::Archive, Form::Export] {
        let made = stage.backup(store, form, scope.clone()).await;
        stage.verify(&made.path).await.unwrap();
        let name = format!("{again}-{}.db", form.as_str());
        let empty = stage.store(&name).await;
        let how = WriteRows::default();
        let backup = open(&made);
        let imported = import(&*empty, &backup, how, &mut |_, _| {}).await.unwrap();
        assert_eq!(imported.rows_skipped, 0);
        assert_eq!(imported.rows_written, before.len() as u64);
        assert!(
            rows(&*empty, scope).await == before,
            "{form:?} of {scope:?}"
        );
        let second = stage.backup(&*empty, form, scope.clone()).await;
        if form == Form::Archive {
            assert_eq!(entries(&made.path), entries(&second.path));
        } else {
            let read = |path: &Path| std::fs::read_to_string(path).unwrap();
            assert_eq!(read(&made.path), read(&second.path));
        }
        // A second time, everything is there.
        let backup = open(&second);
        let imported = import(&*empty, &backup, how, &mut |_, _| {}).await.unwrap();
        assert_eq!(imported.rows_written, 0);
        assert!(rows(&*empty, scope).await == before);
        empty.close().await.unwrap();
    }
}

#[tokio::test]
async fn every_form_and_scope_comes_back() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    for (at, scope) in scopes().iter().enumerate() {
        comes_back(&stage, &*store, scope, &at.to_string()).await;
    }
    let snapshot = stage.backup(&*store, Form::Snapshot, Scope::Whole).await;
    let verified = stage.verify(&snapshot.path).await.unwrap();
    assert_eq!((verified.users, verified.threads), (2, 4));
    assert_eq!(verified.notes, Vec::<String>::new());
    std::fs::rename(&snapshot.path, stage.path("copy.db")).unwrap();
    let copy = stage.store("copy.db").await;
    assert!(rows(&*copy, &Scope::Whole).await == rows(&*store, &Scope::Whole).await);
}

/// What a random conversation does next.
#[derive(Debug, Clone)]
enum Deed {
    Turn(String),
    Fork,
    Ask,
    Wait,
    Leave,
    Delete,
    Prune,
    Value(String),
}

fn deed() -> impl Strategy<Value = (u8, Deed)> {
    let text = prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        Just("long ".repeat(5_000)),
        Just("\u{0}\n\r\u{2028}\u{FEFF}\"\\".to_owned()),
    ];
    let deed = prop_oneof![
        4 => text.clone().prop_map(Deed::Turn),
        1 => Just(Deed::Fork),
        1 => Just(Deed::Ask),
        1 => Just(Deed::Wait),
        1 => Just(Deed::Leave),
        1 => Just(Deed::Delete),
        1 => Just(Deed::Prune),
        1 => text.prop_map(Deed::Value),
    ];
    (0..3_u8, deed)
}

async fn carry_out(store: &dyn Store, ids: &Ids, deeds: &[(u8, Deed)]) {
    let names = ["alice", "\u{1F980}", "a/../b"];
    let mut talks: Vec<Talk<'_>> = names
        .iter()
        .map(|name| Talk::new(store, ids, name, "main"))
        .collect();
    let mut live = [false; 3];
    for (which, deed) in deeds {
        let at = usize::from(*which);
        let talk = &mut talks[at];
        if live[at] && !matches!(deed, Deed::Wait) {
            continue;
        }
        match deed {
            Deed::Turn(text) => drop(talk.turn(text, "ok").await),
            Deed::Value(text) => {
                let text = serde_json::to_string(text).unwrap();
                let step = talk.step().set("value", &format!(" {text}\n"));
                talk.apply(step, 0).await;
            }
            Deed::Fork if talk.head.is_some() => {
                let said = vec![talk.message("human", "other")];
                let step = talk.step().from(None).say(0, said);
                talk.len = 0;
                talk.apply(step, 1).await;
            }
            Deed::Ask => {
                let run = talk.begin("may I?").await;
                let left = TaskWrites {
                    task: ids.task(),
                    slot: WriteSlot::Interrupt,
                    body: json("{\"a\":\r\n1}"),
                };
                let writes = PendingWrites {
                    key: talk.key.clone(),
                    checkpoint: talk.head.unwrap(),
                    writes: vec![left],
                    run: RunMark::End(run.id, talk.fence, RunOutcome::Interrupted),
                };
                let ticket = store.write(writes).await.unwrap();
                ticket.durable().await.unwrap();
            }
            Deed::Leave => {
                talk.begin("and?").await;
                live[at] = true;
            }
            Deed::Wait => {
                let run = ids.new_run(Multitask::Enqueue);
                store
                    .enqueue_run(&talk.key, run, Some(i64::MAX))
                    .await
                    .unwrap();
            }
            Deed::Delete if talk.head.is_some() => {
                store.delete_thread(&talk.key).await.unwrap();
                (talk.head, talk.len) = (None, 0);
            }
            Deed::Prune if talk.head.is_some() => {
                store.prune(&talk.key, Kept::Newest(1)).await.unwrap();
            }
            Deed::Fork | Deed::Delete | Deed::Prune => {}
        }
    }
}

#[test]
fn random_stores_come_back() {
    let cases = if std::env::var_os("EVERTHREAD_LONG").is_some() {
        200
    } else {
        12
    };
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deeds = proptest::collection::vec(deed(), 0..25);
    TestRunner::new(config)
        .run(&deeds, |deeds| {
            runtime.block_on(async {
                let (stage, ids) = (Stage::new(), Ids::new());
                let store = stage.store("chat.db").await;
                carry_out(&*store, &ids, &deeds).await;
                comes_back(&stage, &*store, &Scope::Whole, "whole").await;
                let first =
                    rows(&*store, &Scope::Whole)
                        .await
                        .into_iter()
                        .find_map(|row| match row {
                            Row::Thread(row) => Some(row.key),
                            _ => None,
                        });
                if let Some(key) = first {
                    let user = Scope::User(key.user.clone());
                    comes_back(&stage, &*store, &user, "user").await;
                    comes_back(&stage, &*store, &Scope::Thread(key), "thread").await;
                }
                store.close().await.unwrap();
            });
            Ok(())
        })
        .unwrap();
}

/// Whatever the policy, the second import changes nothing, and a dry one never does.
#[tokio::test]
async fn policies_hold_for_whole_archives() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let made = stage.backup(&*store, Form::Archive, Scope::Whole).await;
    let mut talk = Talk::new(&*store, &ids, "alice", "new");
    talk.turn("a", "b").await;
    store.delete_thread(&key("alice", "other")).await.unwrap();
    let mut main = Talk::new(&*store, &ids, "alice", "main");
    main.head = store.thread(&main.key).await.unwrap().unwrap().head;
    main.len = 3;
    main.turn("later", "yes").await;
    for (on_conflict, created, replaced, copied) in [
        (OnConflict::Skip, 1, 0, 0),
        (OnConflict::Copy, 0, 0, 1),
        (OnConflict::Newer, 0, 0, 0),
        (OnConflict::Replace, 0, 4, 0),
    ] {
        let dry = WriteRows {
            on_conflict,
            dry_run: true,
        };
        let before = rows(&*store, &Scope::Whole).await;
        let told = import(&*store, &open(&made), dry, &mut |_, _| {})
            .await
            .unwrap();
        assert!(
            rows(&*store, &Scope::Whole).await == before,
            "{on_conflict:?}"
        );
        let how = WriteRows {
            on_conflict,
            dry_run: false,
        };
        let done = import(&*store, &open(&made), how, &mut |_, _| {})
            .await
            .unwrap();
        assert_eq!(told, done, "{on_conflict:?}");
        let threads = (
            done.threads_created,
            done.threads_replaced,
            done.threads_copied,
        );
        assert_eq!(threads, (created, replaced, copied), "{on_conflict:?}");
        let once = rows(&*store, &Scope::Whole).await;
        import(&*store, &open(&made), how, &mut |_, _| {})
            .await
            .unwrap();
        assert!(
            rows(&*store, &Scope::Whole).await == once,
            "{on_conflict:?}"
        );
    }
    assert!(store.thread(&talk.key).await.unwrap().is_some());
}

#[tokio::test]
async fn names_do_not_collide_and_lists_tell_what_is_there() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let first = stage.backup(&*store, Form::Archive, Scope::Whole).await;
    let second = stage.backup(&*store, Form::Archive, Scope::Whole).await;
    let third = stage.backup(&*store, Form::Snapshot, Scope::Whole).await;
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(
        name(&first.path),
        "everthread_20241122_223045.everthread.zip"
    );
    assert_eq!(
        name(&second.path),
        "everthread_20241122_223045_2.everthread.zip"
    );
    assert_eq!(name(&third.path), "everthread_20241122_223045.db");
    let dir = stage.path("backups");
    let what = Create {
        prefix: "../evil".to_owned(),
        ..Create::archive(&dir, NOW_MS)
    };
    let refused = create(&*store, &what, &mut |_, _| {}).await.unwrap_err();
    assert_eq!(refused.kind(), BackupErrorKind::Invalid);
    std::fs::write(dir.join("notes.everthread.zip"), "hello").unwrap();
    assert_eq!(newest_verified(&dir), None);
    stage.verify(&second.path).await.unwrap();
    assert_eq!(newest_verified(&dir), Some(NOW_MS));
    let listed = list(&dir).unwrap();
    let shown: Vec<(String, bool, bool)> = listed
        .iter()
        .map(|one| {
            (
                one.name.clone(),
                one.backup.is_ok(),
                one.verified_ms.is_some(),
            )
        })
        .collect();
    let expected = [
        ("everthread_20241122_223045_2.everthread.zip", true, true),
        ("everthread_20241122_223045.everthread.zip", true, false),
        ("everthread_20241122_223045.db", true, false),
        ("notes.everthread.zip", false, false),
    ];
    assert_eq!(
        shown,
        expected.map(|(name, ok, verified)| (name.to_owned(), ok, verified))
    );
    let rules = KeepRules { last: 1, daily: 0 };
    let would = prune(&dir, "everthread_", rules, true).unwrap();
    assert_eq!(list(&dir).unwrap().len(), 4);
    assert_eq!(prune(&dir, "everthread_", rules, false).unwrap(), would);
    let left: Vec<String> = list(&dir)
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(left, [expected[0].0, expected[3].0]);
    let left = std::fs::read_dir(&dir).unwrap().count();
    assert_eq!(left, 3, "a backup, its note, and what is no backup");
    assert!(Backup::open(dir.join("gone.db")).is_err());
}
