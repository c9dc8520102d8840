//! Restoring: the store is as it was, the old one is kept, and nobody comes back unasked.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use everthread_backup::restore::{Holds, Restore, Restored, prepare, restore_part};
use everthread_backup::{Backup, BackupErrorKind, Form, Import, import};
use everthread_store::UserPatch;
use everthread_store::conformance::{Ids, Talk, key, said, sound};
use everthread_store::portable::Scope;

use crate::stage::{NOW_MS, Sqlite, Stage, fill, open, rows, user};

const FORMS: [Form; 3] = [Form::Snapshot, Form::Archive, Form::Export];

fn how(with_erased: bool) -> Restore {
    Restore {
        with_erased,
        now_ms: NOW_MS,
    }
}

async fn restored(backup: &Backup, target: &Path, with_erased: bool) -> Restored {
    let prepared = prepare(backup, target, &Sqlite, how(with_erased), &mut |_, _| {})
        .await
        .unwrap();
    prepared.swap(Arc::new(Sqlite)).await.unwrap()
}

#[tokio::test]
async fn every_form_brings_the_store_back() {
    for form in FORMS {
        let (stage, ids) = (Stage::new(), Ids::new());
        let store = stage.store("chat.db").await;
        fill(&*store, &ids).await;
        let before = rows(&*store, &Scope::Whole).await;
        let made = stage.backup(&*store, form, Scope::Whole).await;
        let backup = open(&made);
        let mut talk = Talk::new(&*store, &ids, "carol", "1");
        talk.turn("later", "yes").await;
        let after = rows(&*store, &Scope::Whole).await;
        let target = stage.path("chat.db");
        let refused = prepare(&backup, &target, &Sqlite, how(false), &mut |_, _| {}).await;
        assert_eq!(refused.err().unwrap().kind(), BackupErrorKind::InUse);
        store.close().await.unwrap();
        let prepared = prepare(&backup, &target, &Sqlite, how(false), &mut |_, _| {})
            .await
            .unwrap();
        let holds = |users, threads, messages| Holds {
            users,
            threads,
            messages,
        };
        assert_eq!(prepared.changes().before, Some(holds(3, 5, 16)));
        assert_eq!(prepared.changes().after, holds(2, 4, 14));
        let done = prepared.swap(Arc::new(Sqlite)).await.unwrap();
        let store = stage.store("chat.db").await;
        assert!(rows(&*store, &Scope::Whole).await == before, "{form:?}");
        sound(&*store).await;
        store.close().await.unwrap();
        let kept = done.safety_copy.unwrap();
        let name = kept.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, "chat.db.before-restore_20241122_223045");
        let kept = stage.store(name).await;
        assert!(rows(&*kept, &Scope::Whole).await == after, "{form:?}");
        kept.close().await.unwrap();
        // Where nothing is, nothing is kept.
        let fresh = stage.path("fresh.db");
        assert_eq!(restored(&backup, &fresh, false).await.safety_copy, None);
        let fresh = stage.store("fresh.db").await;
        assert!(rows(&*fresh, &Scope::Whole).await == before, "{form:?}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_replaced_and_kept() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let made = stage.backup(&*store, Form::Archive, Scope::Whole).await;
    let before = rows(&*store, &Scope::Whole).await;
    store.close().await.unwrap();
    let target = stage.path("chat.db");
    fs::write(&target, "rubbish that was a store").unwrap();
    fs::write(stage.path("chat.db-wal"), "its log").unwrap();
    let prepared = prepare(&open(&made), &target, &Sqlite, how(false), &mut |_, _| {})
        .await
        .unwrap();
    assert_eq!(prepared.changes().before, None);
    assert!(prepared.changes().erased_unknown.is_some());
    let done = prepared.swap(Arc::new(Sqlite)).await.unwrap();
    let kept = done.safety_copy.unwrap();
    assert_eq!(
        fs::read_to_string(&kept).unwrap(),
        "rubbish that was a store"
    );
    let store = stage.store("chat.db").await;
    assert!(rows(&*store, &Scope::Whole).await == before);
}

/// Who was erased stays erased, whatever the form, unless it is said otherwise.
#[tokio::test]
async fn erased_users_do_not_come_back() {
    for form in FORMS {
        for with_erased in [false, true] {
            let (stage, ids) = (Stage::new(), Ids::new());
            let store = stage.store("chat.db").await;
            fill(&*store, &ids).await;
            let hold = |held| UserPatch {
                held: Some(held),
                ..UserPatch::default()
            };
            store.put_user(&user("alice"), hold(true)).await.unwrap();
            let made = stage.backup(&*store, form, Scope::Whole).await;
            store.put_user(&user("alice"), hold(false)).await.unwrap();
            store.erase_user(&user("alice")).await.unwrap();
            store.close().await.unwrap();
            let target = stage.path("chat.db");
            restored(&open(&made), &target, with_erased).await;
            // The mark is still known to the next restore.
            restored(&open(&made), &target, with_erased).await;
            let store = stage.store("chat.db").await;
            let alice = store.user(&user("alice")).await.unwrap();
            assert_eq!(alice.is_some(), with_erased, "{form:?}");
            assert!(store.user(&user("bob")).await.unwrap().is_some());
            sound(&*store).await;
        }
    }
}

/// One user is put back while another goes on.
#[tokio::test]
async fn one_user_is_restored_and_nobody_else_is_touched() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let alice = Scope::User(user("alice"));
    let before = rows(&*store, &alice).await;
    for form in [Form::Archive, Form::Export] {
        let made = stage.backup(&*store, form, alice.clone()).await;
        store.delete_thread(&key("alice", "main")).await.unwrap();
        let mut bob = Talk::new(&*store, &ids, "bob", form.as_str());
        bob.turn("c", "d").await;
        let bobs = rows(&*store, &Scope::User(user("bob"))).await;
        let done = restore_part(&*store, &open(&made), how(false), false, &mut |_, _| {})
            .await
            .unwrap();
        assert_eq!((done.threads_created, done.threads_replaced), (1, 1));
        assert_eq!(rows(&*store, &alice).await.len(), before.len());
        assert_eq!(said(&*store, &key("alice", "main"), None).await.len(), 3);
        assert!(rows(&*store, &Scope::User(user("bob"))).await == bobs);
        sound(&*store).await;
    }
    let made = stage.backup(&*store, Form::Archive, alice).await;
    store.erase_user(&user("alice")).await.unwrap();
    // The clock of the backup is the test's, and the mark's is the system's.
    let refused = restore_part(&*store, &open(&made), how(false), false, &mut |_, _| {}).await;
    assert_eq!(refused.unwrap_err().kind(), BackupErrorKind::Erased);
    let rules = Import::default();
    let done = import(&*store, &open(&made), rules, &mut |_, _| {})
        .await
        .unwrap();
    assert_eq!((done.users_left_erased, done.rows_written), (1, 0));
    assert!(store.user(&user("alice")).await.unwrap().is_none());
    restore_part(&*store, &open(&made), how(true), false, &mut |_, _| {})
        .await
        .unwrap();
    assert!(store.user(&user("alice")).await.unwrap().is_some());
}
