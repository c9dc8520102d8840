//! A restore that is killed leaves the old store or the new one, whole, and the old one is never lost.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_backup::Form;
use everthread_backup::restore::{Restore, prepare};
use everthread_store::conformance::{Ids, Talk, sound};
use everthread_store::portable::Scope;

use crate::stage::{NOW_MS, Sqlite, Stage, fill, open, rows};

/// Names the folder in which the child restores.
const CHILD: &str = "EVERTHREAD_TEST_RESTORES";

/// Not a test of its own: what the killed process does.
#[tokio::test]
async fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let dir = Path::new(&dir);
    let backup = everthread_backup::Backup::open(dir.join("backup.zip")).unwrap();
    let how = Restore {
        with_erased: false,
        now_ms: NOW_MS,
    };
    let target = dir.join("chat.db");
    let prepared = prepare(&backup, &target, &Sqlite, how, &mut |_, _| {})
        .await
        .unwrap();
    println!("swapping");
    prepared.swap(Arc::new(Sqlite)).await.unwrap();
    println!("done");
}

#[tokio::test]
async fn a_killed_restore_leaves_one_of_both() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let new = rows(&*store, &Scope::Whole).await;
    let made = stage.backup(&*store, Form::Archive, Scope::Whole).await;
    fs::rename(open(&made).path(), stage.path("backup.zip")).unwrap();
    let mut talk = Talk::new(&*store, &ids, "carol", "1");
    talk.turn("later", "yes").await;
    let old = rows(&*store, &Scope::Whole).await;
    store.close().await.unwrap();
    let good = fs::read(stage.path("chat.db")).unwrap();
    let whole = run(&stage, None);
    let rounds = if std::env::var_os("EVERTHREAD_LONG").is_some() {
        200
    } else {
        16
    };
    let mut seen = [0, 0];
    for round in 0..rounds {
        for entry in fs::read_dir(stage.dir()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.starts_with("chat.db") && path.is_file() {
                fs::remove_file(&path).unwrap();
            } else if name.starts_with(".everthread") {
                fs::remove_dir_all(&path).unwrap();
            }
        }
        fs::write(stage.path("chat.db"), &good).unwrap();
        run(&stage, Some(whole * (round + 1) / rounds));
        let store = stage.store("chat.db").await;
        sound(&*store).await;
        let found = rows(&*store, &Scope::Whole).await;
        store.close().await.unwrap();
        let is_new = found == new;
        assert!(
            is_new || found == old,
            "neither is there after round {round}"
        );
        seen[usize::from(is_new)] += 1;
        if is_new {
            let kept = stage.path("chat.db.before-restore_20241122_223045");
            assert!(kept.exists(), "the old one is lost in round {round}");
        }
    }
    assert!(seen[0] > 0, "it was always too late");
}

/// Restores in a process of its own, which is killed after a time; gives how long it took.
fn run(stage: &Stage, kill_after: Option<Duration>) -> Duration {
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_that_is_killed", "--nocapture"])
        .env(CHILD, stage.dir())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    if let Some(after) = kill_after {
        while begun.elapsed() < after && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    assert!(kill_after.is_some() || status.success());
    begun.elapsed()
}
