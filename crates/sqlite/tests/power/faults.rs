//! A disk that is full and a disk that fails to sync: errors of the right kind, nothing half-written, and the store
//! goes on by itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::{Store, StoreErrorKind};
use tempfile::TempDir;

use crate::conversation::{Conversation, transcript};
use crate::device::{Device, DeviceOptions};
use crate::turns::{open, runtime};
use crate::verify::is_sound;
use crate::vfs;

/// A folder on a simulated disk.
fn folder() -> (TempDir, Arc<Device>) {
    vfs::register();
    let dir = tempfile::tempdir().unwrap();
    let device = Device::attach(dir.path(), DeviceOptions::default());
    (dir, device)
}

/// A store on it. The search index stays behind: its own syncs would meet the failures that are meant for others.
fn open_on(dir: &Path) -> Arc<dyn Store> {
    let mut options = SqliteOptions::at(dir.canonicalize().unwrap().join("chat.db"));
    options.vfs = Some(vfs::NAME.to_owned());
    options.index_interval = Duration::from_secs(3_600);
    Arc::new(SqliteStore::open(options).unwrap())
}

fn said(turn: usize, len: usize) -> [String; 2] {
    ["human", "ai"].map(|role| format!("t{turn}{role} {}", "x".repeat(len)))
}

/// What the store has is what the conversation knows.
async fn is_as_known(store: &dyn Store, conversation: &Conversation) {
    let name = conversation.key.thread.as_str();
    let found = Conversation::load(store, name).await.unwrap().now;
    assert_eq!(found.head, conversation.now.head);
    assert_eq!(found.context, conversation.now.context);
    assert_eq!(found.transcript, conversation.now.transcript);
    assert_eq!(is_sound(store).await, Ok(()));
}

#[test]
fn a_full_disk_refuses_a_turn_and_takes_it_when_there_is_room() {
    let (dir, device) = folder();
    let store = open_on(dir.path());
    let mut conversation = Conversation::new("talk");
    runtime().block_on(async {
        for (turn, free) in [0, 1_000, 5_000, 20_000, 90_000, 350_000, 450_000, 550_000]
            .into_iter()
            .enumerate()
        {
            conversation
                .turn(&*store, said(turn, 50), false)
                .await
                .unwrap();
            let before = conversation.now.clone();
            let large = conversation.plan(said(100 + turn, 300_000), true);
            device.set_free_bytes(free);
            let refused = conversation.hand_over(&*store, &large).await;
            let refused = refused.expect_err("the disk is full");
            assert_eq!(
                refused.kind(),
                StoreErrorKind::Unavailable,
                "{free} bytes: {refused:?}"
            );
            assert!(refused.is_retryable());
            assert_eq!(is_sound(&*store).await, Ok(()), "{free} bytes");
            // What was said before is there; of the turn, whole steps or nothing.
            let read = transcript(&*store, &conversation.key, before.head.unwrap())
                .await
                .unwrap();
            assert_eq!(read, before.transcript);
            let found = Conversation::load(&*store, "talk")
                .await
                .unwrap()
                .now
                .transcript;
            assert_eq!(found[..before.transcript.len()], before.transcript);
            let new = &found[before.transcript.len()..];
            assert!(
                large.said().starts_with(new),
                "{free} bytes: half of a message"
            );
            device.set_free_bytes(i64::MAX);
            conversation.hand_over(&*store, &large).await.unwrap();
            is_as_known(&*store, &conversation).await;
        }
        store.close().await.unwrap();
    });
}

#[test]
fn a_full_disk_leaves_other_threads_their_next_turn() {
    let (dir, device) = folder();
    let store = open_on(dir.path());
    runtime().block_on(async {
        let mut talks: Vec<_> = (0..3)
            .map(|number| Conversation::new(&format!("talk-{number}")))
            .collect();
        for talk in &mut talks {
            talk.turn(&*store, said(0, 50), false).await.unwrap();
        }
        device.set_free_bytes(0);
        for talk in &mut talks {
            let plan = talk.plan(said(1, 100_000), false);
            let refused = talk.hand_over(&*store, &plan).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused:?}");
            is_as_known(&*store, talk).await;
        }
        device.set_free_bytes(i64::MAX);
        for talk in &mut talks {
            talk.turn(&*store, said(2, 100_000), false).await.unwrap();
            is_as_known(&*store, talk).await;
        }
    });
}

#[test]
fn a_store_that_does_not_fit_says_so_and_opens_later() {
    for free in [0, 4_096, 30_000, 60_000, 100_000] {
        let (dir, device) = folder();
        device.set_free_bytes(free);
        match open(&dir.path().canonicalize().unwrap(), Some(vfs::NAME), "FULL") {
            Err(refused) => assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused:?}"),
            Ok(store) => runtime().block_on(async {
                let large = Conversation::new("talk").plan(said(0, 200_000), false);
                let refused = Conversation::new("talk")
                    .hand_over(&*store, &large)
                    .await
                    .unwrap_err();
                assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused:?}");
            }),
        }
        device.set_free_bytes(i64::MAX);
        let store = open_on(dir.path());
        let mut conversation = Conversation::new("talk");
        runtime().block_on(async {
            conversation
                .turn(&*store, said(0, 50), false)
                .await
                .unwrap();
            is_as_known(&*store, &conversation).await;
        });
    }
}

#[test]
fn a_commit_whose_sync_fails_has_an_unknown_outcome_and_the_store_goes_on() {
    let (dir, device) = folder();
    let store = open_on(dir.path());
    let mut conversation = Conversation::new("talk");
    runtime().block_on(async {
        for turn in 0..20 {
            conversation
                .turn(&*store, said(turn, 50), false)
                .await
                .unwrap();
            let plan = conversation.plan(said(100 + turn, 5_000), true);
            device.fail_next_sync("-wal");
            let unknown = conversation.hand_over(&*store, &plan).await;
            let unknown = unknown.expect_err("its sync failed");
            assert_eq!(
                unknown.kind(),
                StoreErrorKind::OutcomeUnknown,
                "{unknown:?}"
            );
            assert!(!device.is_failure_pending());
            if turn % 2 == 0 {
                // The same again is harmless, whatever became of it.
                conversation.hand_over(&*store, &plan).await.unwrap();
            } else {
                // So is loading and going on from what is there.
                let found = Conversation::load(&*store, "talk").await.unwrap();
                let ended = found.now.head == conversation.now.head;
                assert!(
                    ended || found.now.head == plan.head(),
                    "a part of one group"
                );
                conversation = found;
            }
            is_as_known(&*store, &conversation).await;
        }
        // When the last writes failed, closing says so once more.
        if let Err(closed) = store.close().await {
            assert_eq!(closed.kind(), StoreErrorKind::OutcomeUnknown, "{closed:?}");
        }
    });
    let store = open_on(dir.path());
    runtime().block_on(is_as_known(&*store, &conversation));
}

#[test]
fn a_failed_sync_is_answered_to_all_whom_it_would_have_served() {
    let (dir, device) = folder();
    let store = open_on(dir.path());
    let mut talks = ["a", "b", "c"].map(Conversation::new);
    let mut most = 0;
    runtime().block_on(async {
        for round in 0..30 {
            let plans = talks
                .each_ref()
                .map(|talk| talk.plan(said(round, 500), round % 5 == 4));
            device.fail_next_sync("-wal");
            let [a, b, c] = &mut talks;
            let outcomes: [_; 3] = tokio::join!(
                a.hand_over(&*store, &plans[0]),
                b.hand_over(&*store, &plans[1]),
                c.hand_over(&*store, &plans[2]),
            )
            .into();
            let unknown: Vec<usize> = (0..3).filter(|talk| outcomes[*talk].is_err()).collect();
            most = most.max(unknown.len());
            for talk in unknown {
                let error = outcomes[talk].as_ref().unwrap_err();
                assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error:?}");
                talks[talk].hand_over(&*store, &plans[talk]).await.unwrap();
            }
            for talk in &talks {
                is_as_known(&*store, talk).await;
            }
        }
    });
    assert!(most > 1, "no two were ever written together");
}

#[test]
fn a_copy_of_the_log_whose_sync_fails_loses_nothing() {
    let (dir, device) = folder();
    let mut conversation = Conversation::new("talk");
    for life in 0..6 {
        let store = open_on(dir.path());
        runtime().block_on(async {
            is_as_known(&*store, &conversation).await;
            for turn in 0..5 {
                conversation
                    .turn(&*store, said(life * 10 + turn, 2_000), turn == 4)
                    .await
                    .unwrap();
            }
            device.fail_next_sync(if life % 2 == 0 { "chat.db" } else { "-wal" });
            // It may complain; what was durable stays so.
            let _ = store.close().await;
        });
        drop(store);
        device.fail_next_sync("no file");
    }
    let store = open_on(dir.path());
    runtime().block_on(is_as_known(&*store, &conversation));
}
