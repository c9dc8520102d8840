//! Many writers share a sync: where one takes 4 ms, 32 conversations say at least ten times as much as one alone.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::conversation::Conversation;
use crate::device::{Device, DeviceOptions};
use crate::turns::{open, runtime};
use crate::verify::is_sound;
use crate::vfs;

/// What a sync takes on a slow disk.
const SYNC: Duration = Duration::from_millis(4);
/// Turns of each conversation.
const TURNS: usize = 20;

/// Turns a second of so many conversations at once.
fn turns_per_s(writers: usize) -> f64 {
    vfs::register();
    let dir = tempfile::tempdir().unwrap();
    let options = DeviceOptions {
        sync_delay: SYNC,
        ..DeviceOptions::default()
    };
    let _device = Device::attach(dir.path(), options);
    let store = open(&dir.path().canonicalize().unwrap(), Some(vfs::NAME), "FULL").unwrap();
    runtime().block_on(async {
        let talk = |writer: usize| {
            let store = &store;
            async move {
                let mut conversation = Conversation::new(&format!("talk-{writer}"));
                for turn in 0..TURNS {
                    let said = ["human", "ai"].map(|role| format!("{role} says {turn}"));
                    conversation.turn(&**store, said, false).await.unwrap();
                }
            }
        };
        let begun = Instant::now();
        join_all((0..writers).map(talk)).await;
        let took = begun.elapsed();
        assert_eq!(is_sound(&*store).await, Ok(()));
        store.close().await.unwrap();
        (writers * TURNS) as f64 / took.as_secs_f64()
    })
}

#[test]
fn writers_who_share_a_slow_sync_write_ten_times_as_much_as_one() {
    let (one, many) = (turns_per_s(1), turns_per_s(32));
    println!("{one:.0} turns/s alone, {many:.0} with 32 at once");
    // One alone cannot be quicker than the disk: otherwise the disk was not slow.
    assert!(one <= 1.0 / SYNC.as_secs_f64(), "{one}");
    assert!(many >= 10.0 * one, "{many} against {one}");
}
