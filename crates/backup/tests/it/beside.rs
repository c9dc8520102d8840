//! Restoring where this process has the store open; putting the old store back; finding a backup by its name.

use std::path::Path;
use std::sync::Arc;

use everthread_backup::restore::{Restore, prepare_beside};
use everthread_backup::{BackupErrorKind, Form, delete, find};
use everthread_store::conformance::{Ids, Talk, sound};
use everthread_store::portable::Scope;

use crate::stage::{NOW_MS, Sqlite, Stage, fill, open, rows, user};

const HOW: Restore = Restore {
    with_erased: false,
    now_ms: NOW_MS,
};

/// While the new store waits for its moment others write, and a user is erased: what is restored knows of that.
#[tokio::test]
async fn a_store_that_is_open_goes_on_until_it_is_replaced() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let made = stage
        .backup(&*store, Form::Archive, Scope::User(user("alice")))
        .await;
    let target = stage.path("chat.db");
    let prepare = |made| {
        let (store, target) = (Arc::clone(&store), target.clone());
        async move { prepare_beside(&made, &target, &*store, &Sqlite, HOW, &mut |_, _| {}).await }
    };
    let refused = prepare(open(&made)).await;
    assert_eq!(refused.err().unwrap().kind(), BackupErrorKind::Invalid);
    let made = stage.backup(&*store, Form::Archive, Scope::Whole).await;
    let prepared = prepare(open(&made)).await.unwrap();
    assert_eq!(prepared.changes().left_erased, 0);
    store.erase_user(&user("alice")).await.unwrap();
    let mut carol = Talk::new(&*store, &ids, "carol", "1");
    carol.turn("later", "yes").await;
    let after = rows(&*store, &Scope::Whole).await;
    let in_use = prepare(open(&made)).await.unwrap();
    let in_use = in_use.swap(Arc::new(Sqlite)).await.unwrap_err();
    assert_eq!(in_use.kind(), BackupErrorKind::InUse);
    store.close().await.unwrap();
    let restored = prepared.swap(Arc::new(Sqlite)).await.unwrap();
    let new = stage.store("chat.db").await;
    let is_there = async |name| new.user(&user(name)).await.unwrap().is_some();
    assert!(!is_there("alice").await && is_there("bob").await && !is_there("carol").await);
    sound(&*new).await;
    new.close().await.unwrap();
    restored.undo(&target, Arc::new(Sqlite)).await.unwrap();
    let old = stage.store("chat.db").await;
    assert!(rows(&*old, &Scope::Whole).await == after);
    sound(&*old).await;
}

#[tokio::test]
async fn a_name_leads_nowhere_but_into_the_folder() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let made = stage.backup(&*store, Form::Snapshot, Scope::Whole).await;
    let dir = stage.path("backups");
    let name = made.path.file_name().unwrap().to_str().unwrap().to_owned();
    std::os::unix::fs::symlink(stage.path("chat.db"), dir.join("link.db")).unwrap();
    std::fs::create_dir(dir.join("folder.db")).unwrap();
    std::fs::write(dir.join(".hidden.db"), "x").unwrap();
    let absolute = stage.path("chat.db");
    for bad in [
        "",
        ".",
        "..",
        "../chat.db",
        "./chat.db",
        absolute.to_str().unwrap(),
        "link.db",
        "folder.db",
        ".hidden.db",
        "nothing.db",
        "a\0.db",
        &format!("{name}/"),
        &format!("{name}.sha256"),
        &format!("x/../{name}"),
    ] {
        let refused = find(&dir, bad).unwrap_err();
        assert_eq!(refused.kind(), BackupErrorKind::NotFound, "{bad:?}");
    }
    let found = find(&dir, &name).unwrap();
    assert_eq!(found.path, made.path);
    delete(&found).unwrap();
    assert!(find(&dir, &name).is_err());
    assert!(!Path::new(&format!("{}.sha256", made.path.display())).exists());
}
