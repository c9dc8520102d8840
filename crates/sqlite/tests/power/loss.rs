//! Power cuts at random moments of a store's life.

use std::path::Path;

use everthread_store::ListThreads;
use rusqlite::{Connection, OpenFlags};

use crate::conversation::{Conversation, key};
use crate::device::{Device, DeviceOptions};
use crate::disk::{Disk, write_files};
use crate::job::{Job, Work};
use crate::recording::{Recording, is_long, seeds};
use crate::rng::Rng;
use crate::turns::{open, runtime};
use crate::verify::check;
use crate::vfs;

fn record(synchronous: &str, kills: u32, change: impl FnOnce(&mut Job)) -> Recording {
    let recording = Recording::make(kills, |dir, log| {
        let mut job = Job {
            work: Work::Turns {
                synchronous: synchronous.to_owned(),
                early: false,
            },
            dir,
            log,
            life: 0,
            turns: if is_long() { 600 } else { 90 },
            queues: kills == 0,
            ignore_syncs: false,
            fail_wal_sync_every: 0,
            sync_delay_ms: 0,
        };
        change(&mut job);
        job
    });
    println!("{synchronous}: {}", recording.size());
    recording
}

#[test]
fn no_acknowledged_turn_is_lost() {
    record("FULL", 0, |_| {}).survives(&seeds(200), check);
}

/// Little but the creation of the file, its closing and its opening.
#[test]
fn a_store_that_was_being_created_or_closed_opens() {
    record("FULL", 0, |job| job.turns = 3).survives(&seeds(150), check);
}

#[test]
fn none_is_lost_where_syncs_fail_now_and_then() {
    record("FULL", 0, |job| job.fail_wal_sync_every = 23).survives(&seeds(60), check);
}

#[test]
fn what_a_killed_process_left_is_safe_once_the_next_shows_it() {
    let recording = record("FULL", 20, |job| {
        job.turns = 30;
        job.sync_delay_ms = 6;
    });
    recording.survives(&seeds(200), check);
}

/// What was written and never synced is safe as soon as a store was opened over it, which shows it.
#[test]
fn what_was_never_synced_is_safe_once_a_store_was_opened() {
    vfs::register();
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().canonicalize().unwrap().join("data");
    std::fs::create_dir(&dir).unwrap();
    let log = place.path().join("log");
    let options = DeviceOptions {
        log: Some(log.clone()),
        ..DeviceOptions::default()
    };
    Device::attach(&dir, options);
    let store = || open(&dir, Some(vfs::NAME), "FULL").unwrap();
    runtime().block_on(async {
        let mut talk = Conversation::new("talk");
        let first = store();
        let said = ["human", "ai"].map(str::to_owned);
        talk.turn(&*first, said, false).await.unwrap();
        first.close().await.unwrap();
    });
    leave_unsynced(&dir);
    let next = store();
    let titles = runtime().block_on(next.threads(&key("any").user, ListThreads::default()));
    assert_eq!(titles.unwrap()[0].title.as_deref(), Some(UNSYNCED));
    let disk = Disk::replay(&std::fs::read(&log).unwrap());
    for seed in 0..40 {
        let image = tempfile::tempdir().unwrap();
        let mut rng = Rng::new(seed);
        write_files(&disk.after_cut(&mut rng), image.path(), &mut rng);
        let connection = Connection::open(image.path().join("chat.db")).unwrap();
        let title: Option<String> = connection
            .query_row("SELECT title FROM threads", [], |row| row.get(0))
            .unwrap();
        assert_eq!(title.as_deref(), Some(UNSYNCED), "seed {seed}");
    }
}

const UNSYNCED: &str = "written and never synced";

/// Writes into the log as a process does that is killed before it syncs: nothing is closed.
fn leave_unsynced(dir: &Path) {
    let flags = OpenFlags::default();
    let connection =
        Connection::open_with_flags_and_vfs(dir.join("chat.db"), flags, vfs::NAME).unwrap();
    connection
        .pragma_update(None, "synchronous", "OFF")
        .unwrap();
    connection
        .execute("UPDATE threads SET title = ?", [UNSYNCED])
        .unwrap();
    std::mem::forget(connection);
}

/// Power cuts that must do harm, or else the test could not fail.
fn loses(recording: &Recording) {
    let outcome = recording.cut(&seeds(40), check);
    println!(
        "{} of {} cuts did harm",
        outcome.failed.len(),
        outcome.tried
    );
    assert!(
        !outcome.failed.is_empty(),
        "nothing was lost: the test cannot fail"
    );
}

#[test]
fn turns_are_lost_without_synchronous() {
    loses(&record("OFF", 0, |_| {}));
}

#[test]
fn turns_are_lost_on_a_disk_that_ignores_syncs() {
    loses(&record("FULL", 0, |job| job.ignore_syncs = true));
}

#[test]
fn turns_are_lost_when_they_are_acknowledged_before_they_are_durable() {
    loses(&record("FULL", 0, |job| {
        job.sync_delay_ms = 2;
        job.work = Work::Turns {
            synchronous: "FULL".to_owned(),
            early: true,
        };
    }));
}
