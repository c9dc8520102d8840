//! Power cuts at random moments of a store's life.

use crate::job::{Job, Work};
use crate::recording::{Recording, is_long, seeds};
use crate::verify::check;

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
fn what_a_killed_process_left_is_safe_once_the_next_has_written() {
    let recording = record("FULL", 20, |job| {
        job.turns = 30;
        job.sync_delay_ms = 6;
    });
    recording.survives(&seeds(200), check);
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
