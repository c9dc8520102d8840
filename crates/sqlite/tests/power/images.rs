//! The images tried by themselves: what is safe is kept whole, what is not is kept by the sector.

use std::collections::BTreeMap;

use crate::disk::Disk;
use crate::log::{Event, What, decode, encode};
use crate::rng::Rng;

const NAMES: [&str; 3] = ["a", "a-wal", "b"];
const SIZE: usize = 8 * 512;

fn at<'a>(name: &'a str, what: What<'a>) -> Event<'a> {
    Event { name, what }
}

/// Some events, as their log.
fn scribble(rng: &mut Rng, log: &mut Vec<u8>, events: usize) {
    for _ in 0..events {
        let name = NAMES[rng.below(NAMES.len())];
        let bytes_len = 1 + rng.below(1_500);
        let bytes = rng.bytes(bytes_len);
        let offset = rng.below(SIZE) as u64;
        let what = match rng.below(6) {
            0 => What::Resized { size: offset },
            _ => What::Written {
                offset,
                bytes: &bytes,
            },
        };
        log.extend(encode(&at(name, what)));
    }
}

fn create(log: &mut Vec<u8>) {
    for name in NAMES {
        log.extend(encode(&at(name, What::Created)));
    }
}

fn sync(log: &mut Vec<u8>, first_token: u64) {
    for (token, name) in (first_token..).zip(NAMES) {
        log.extend(encode(&at(name, What::SyncBegan { token })));
        log.extend(encode(&at(name, What::SyncEndedWithDir { token })));
    }
}

fn disk(log: &[u8]) -> Disk {
    let mut disk = Disk::new();
    for (_, event) in decode(log) {
        disk.apply(&event);
    }
    disk
}

#[test]
fn what_is_synced_is_kept_whole() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut log = Vec::new();
        create(&mut log);
        scribble(&mut rng, &mut log, 20);
        sync(&mut log, 0);
        scribble(&mut rng, &mut log, 20);
        log.extend(encode(&at("b", What::Deleted)));
        log.extend(encode(&at("b", What::Created)));
        sync(&mut log, 10);
        let disk = disk(&log);
        assert!(disk.is_safe());
        assert_eq!(disk.after_cut(&mut rng), disk.seen(), "seed {seed}");
    }
}

#[test]
fn what_is_not_synced_is_kept_by_the_sector() {
    let mut kept = [false; 2];
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut log = Vec::new();
        let before = rng.bytes(SIZE);
        log.extend(encode(&at("a", What::Found { bytes: &before })));
        let mut versions = vec![before];
        for _ in 0..3 {
            let mut next = versions.last().unwrap().clone();
            let (offset, bytes) = (rng.below(SIZE - 700), rng.bytes(700));
            next[offset..offset + 700].copy_from_slice(&bytes);
            let offset = offset as u64;
            log.extend(encode(&at(
                "a",
                What::Written {
                    offset,
                    bytes: &bytes,
                },
            )));
            versions.push(next);
        }
        let found = &disk(&log).after_cut(&mut rng)["a"];
        assert_eq!(found.len(), SIZE);
        for (index, sector) in found.chunks(512).enumerate() {
            let was = |version: &Vec<u8>| version.chunks(512).nth(index) == Some(sector);
            assert!(
                versions.iter().any(was),
                "seed {seed}: sector {index} never was so"
            );
        }
        kept[0] |= *found == versions[0];
        kept[1] |= *found == versions[3];
    }
    assert_eq!(kept, [true; 2], "all and nothing are among the ways");
}

#[test]
fn a_name_is_safe_once_its_directory_is() {
    let mut log = Vec::new();
    create(&mut log);
    let ways = |log: &[u8]| {
        let disk = disk(log);
        let lens = (0..100).map(|seed| disk.after_cut(&mut Rng::new(seed)).len());
        lens.fold(BTreeMap::new(), |mut ways, len| {
            *ways.entry(len).or_insert(0) += 1;
            ways
        })
    };
    assert_eq!(ways(&log).into_keys().collect::<Vec<_>>(), [0, 1, 2, 3]);
    sync(&mut log, 0);
    assert_eq!(ways(&log).into_keys().collect::<Vec<_>>(), [3]);
    log.extend(encode(&at("b", What::Deleted)));
    assert_eq!(
        ways(&log).into_keys().collect::<Vec<_>>(),
        [2, 3],
        "it may come back"
    );
    log.extend(encode(&at("a", What::DeletedWithDir)));
    assert_eq!(ways(&log).into_keys().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_sync_covers_only_what_came_before_it() {
    let mut log = Vec::new();
    create(&mut log);
    sync(&mut log, 0);
    log.extend(encode(&at("a", What::SyncBegan { token: 9 })));
    log.extend(encode(&at(
        "a",
        What::Written {
            offset: 0,
            bytes: b"late",
        },
    )));
    log.extend(encode(&at("a", What::SyncEnded { token: 9 })));
    let disk = disk(&log);
    assert!(!disk.is_safe());
    let found = (0..50).map(|seed| disk.after_cut(&mut Rng::new(seed))["a"].is_empty());
    assert!(found.into_iter().any(|lost| lost), "it can be lost");
}

#[test]
fn what_a_failed_sync_left_is_never_safe_by_a_later_one() {
    let mut log = Vec::new();
    create(&mut log);
    sync(&mut log, 0);
    for sector in 0..8 {
        let what = What::Written {
            offset: sector * 512,
            bytes: &[7; 512],
        };
        log.extend(encode(&at("a", what)));
    }
    log.extend(encode(&at("a", What::SyncBegan { token: 9 })));
    log.extend(encode(&at("a", What::SyncFailed { token: 9 })));
    sync(&mut log, 10);
    let disk = disk(&log);
    assert!(!disk.is_safe(), "programs see what is not on the disk");
    assert_eq!(disk.seen()["a"], [7; 8 * 512]);
    assert_ne!(disk.after_cut(&mut Rng::new(0))["a"], [7; 8 * 512]);
}
