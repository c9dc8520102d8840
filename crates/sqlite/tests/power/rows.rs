//! The test tried on SQLite alone, whose promises are known: the VFS and the images must show each of them kept, and
//! each of them broken where SQLite makes none.

use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use crate::job::{Job, Line, Work};
use crate::recording::{Cut, Outcome, Recording, seeds};
use crate::vfs;

/// The child's part: three writers, each with a connection of its own.
pub(crate) fn work(job: &Job) {
    let Work::Rows {
        journal,
        synchronous,
        settles,
    } = &job.work
    else {
        panic!("another module's work");
    };
    let ready = Barrier::new(3);
    let connection = || open(&job.dir, journal, synchronous);
    let first = connection();
    if *settles {
        first
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .unwrap();
    }
    first
        .execute_batch("CREATE TABLE IF NOT EXISTS rows (conversation INT, turn INT, text TEXT)")
        .unwrap();
    show(&first);
    std::thread::scope(|scope| {
        for conversation in 0..3 {
            let (ready, connection) = (&ready, &connection);
            scope.spawn(move || {
                let connection = connection();
                ready.wait();
                for turn in 0..job.turns {
                    let turn = job.life * 1_000 + turn;
                    // A sync that failed is as good as a commit that failed: SQLite took the row back.
                    while insert(&connection, conversation, turn).is_err() {}
                    Line::Row { conversation, turn }.say();
                }
            });
        }
    });
}

/// Shows the newest that a killed process left, and so acknowledges it.
fn show(connection: &Connection) {
    let mut rows = connection
        .prepare("SELECT conversation, turn FROM rows ORDER BY rowid DESC LIMIT 3")
        .unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let (conversation, turn) = (row.get(0)?, row.get(1)?);
        Ok(Line::Row { conversation, turn })
    };
    for line in rows.query_map([], row).unwrap() {
        line.unwrap().say();
    }
}

fn open(dir: &Path, journal: &str, synchronous: &str) -> Connection {
    let path = dir.join("rows.db");
    let connection =
        Connection::open_with_flags_and_vfs(path, OpenFlags::default(), vfs::NAME).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    connection
        .pragma_update(None, "journal_mode", journal)
        .unwrap();
    connection
        .pragma_update(None, "synchronous", synchronous)
        .unwrap();
    connection
        .pragma_update(None, "wal_autocheckpoint", 60)
        .unwrap();
    connection
}

fn insert(connection: &Connection, conversation: u32, turn: u32) -> rusqlite::Result<()> {
    let text = format!("{conversation}/{turn} ").repeat(1 + turn as usize % 200);
    let insert = "INSERT INTO rows (conversation, turn, text) VALUES (?, ?, ?)";
    connection
        .execute(insert, params![conversation, turn, text])
        .map(drop)
}

/// The parent's part, after a cut.
fn check(cut: &Cut<'_>, dir: &Path) -> Result<(), String> {
    let path = dir.join("rows.db");
    let connection = Connection::open(path).map_err(|error| error.to_string())?;
    look(cut, &connection).map_err(|error| error.to_string())?
}

fn look(cut: &Cut<'_>, connection: &Connection) -> rusqlite::Result<Result<(), String>> {
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Err(verdict));
    }
    let count = "SELECT count(*) FROM rows WHERE conversation = ? AND turn = ?";
    for heard in cut.heard {
        let Line::Row { conversation, turn } = &heard.line else {
            continue;
        };
        let rows: u32 =
            connection.query_row(count, params![conversation, turn], |row| row.get(0))?;
        if rows != 1 {
            let (seed, at) = (cut.seed, cut.at);
            return Ok(Err(format!(
                "seed {seed} at {at}: row {conversation}/{turn}, heard at {}, is there {rows} times",
                heard.at
            )));
        }
    }
    if !cut.heard.is_empty() {
        insert(connection, 9, 0)?;
    }
    Ok(Ok(()))
}

fn record(
    journal: &str,
    synchronous: &str,
    kills: u32,
    change: impl FnOnce(&mut Job),
) -> Recording {
    let recording = Recording::make(kills, |dir, log| {
        let mut job = Job {
            work: Work::Rows {
                journal: journal.to_owned(),
                synchronous: synchronous.to_owned(),
                settles: false,
            },
            dir,
            log,
            life: 0,
            turns: 60,
            queues: false,
            ignore_syncs: false,
            fail_wal_sync_every: 0,
            sync_delay_ms: 0,
        };
        change(&mut job);
        job
    });
    println!("{journal} {synchronous}: {}", recording.size());
    recording
}

fn loses(outcome: &Outcome) {
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
fn a_synced_log_keeps_every_row() {
    record("WAL", "FULL", 0, |_| {}).survives(&seeds(200), check);
}

#[test]
fn a_log_keeps_every_row_where_syncs_fail_now_and_then() {
    record("WAL", "FULL", 0, |job| job.fail_wal_sync_every = 17).survives(&seeds(100), check);
}

#[test]
fn an_unsynced_log_loses_rows() {
    loses(&record("WAL", "NORMAL", 0, |_| {}).cut(&seeds(60), check));
}

#[test]
fn no_syncs_at_all_lose_rows() {
    loses(&record("WAL", "OFF", 0, |_| {}).cut(&seeds(60), check));
}

#[test]
fn a_journal_whose_deletion_is_synced_keeps_every_row() {
    record("DELETE", "EXTRA", 0, |_| {}).survives(&seeds(60), check);
}

#[test]
fn a_journal_whose_deletion_is_not_synced_comes_back() {
    loses(&record("DELETE", "FULL", 0, |_| {}).cut(&seeds(60), check));
}

/// What a process that was killed in the midst of a commit left in the log is shown by the next one, though it was
/// never synced.
#[test]
fn what_a_killed_process_left_can_be_shown_and_lost() {
    let recording = record("WAL", "FULL", 20, |job| job.sync_delay_ms = 4);
    loses(&recording.cut(&seeds(200), check));
}

/// Copying the log into the file syncs the log first: a store that does so when it opens shows nothing that a power
/// cut can take back.
#[test]
fn what_a_killed_process_left_is_safe_once_the_log_is_copied() {
    let recording = record("WAL", "FULL", 20, |job| {
        job.sync_delay_ms = 4;
        job.work = Work::Rows {
            journal: "WAL".to_owned(),
            synchronous: "FULL".to_owned(),
            settles: true,
        };
    });
    recording.survives(&seeds(200), check);
}
