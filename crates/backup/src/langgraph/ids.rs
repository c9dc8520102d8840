//! Ids that follow from the file alone, so that the same file gives the same rows.

use everthread_graph::contract::CheckpointId;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// The latest time of an id, in milliseconds: the end of the year 9999.
const LATEST_MS: i64 = 253_402_300_799_999;

/// Ids of one millisecond that are told apart by their count.
const IN_A_MILLISECOND: u16 = 0x0FFF;

/// A hash of some parts, each of which ends where it ends.
pub(super) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Makes the ids of a thread's checkpoints: each is above the one before.
#[derive(Default)]
pub(super) struct CheckpointIds {
    ms: i64,
    count: u16,
    begun: bool,
}

impl CheckpointIds {
    /// The id of the next checkpoint, which was made at this time and had this name.
    pub(super) fn next(&mut self, at_ms: i64, name: &[&[u8]]) -> CheckpointId {
        let at_ms = at_ms.clamp(0, LATEST_MS);
        if !self.begun || at_ms > self.ms {
            (self.ms, self.count) = (at_ms, 0);
        } else if self.count < IN_A_MILLISECOND {
            self.count += 1;
        } else {
            (self.ms, self.count) = (self.ms + 1, 0);
        }
        self.begun = true;
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&hash(name)[..10]);
        bytes[..2].copy_from_slice(&self.count.to_be_bytes());
        let ms = u64::try_from(self.ms).unwrap_or_default();
        CheckpointId::from_uuid(Builder::from_unix_timestamp_millis(ms, &bytes).into_uuid())
    }
}

/// The id of a message that has none.
pub(super) fn message_id(parts: &[&[u8]]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash(parts)[..16]);
    let uuid: Uuid = Builder::from_random_bytes(bytes).into_uuid();
    uuid.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_follow_from_their_names() {
        let times = std::iter::repeat_n(1_000, 5_000).chain([999, i64::MAX, -1, 2_000]);
        let make = || {
            let mut ids = CheckpointIds::default();
            let id = |(at, ms): (usize, i64)| ids.next(ms, &[&at.to_be_bytes()]);
            times.clone().enumerate().map(id).collect::<Vec<_>>()
        };
        let made = make();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(made.iter().all(|id| id.uuid().get_version_num() == 7));
        assert_eq!(made, make());
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    }
}
