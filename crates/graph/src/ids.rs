//! Time, randomness and the ids made of them, all injected.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

use crate::contract::{CheckpointId, RunId};

/// Where the engine reads the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> i64;
}

/// Where the engine gets randomness.
pub trait Ids: Send + Sync {
    /// 128 bits nobody can guess; each call gives others.
    fn random(&self) -> u128;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            })
    }
}

/// The system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn random(&self) -> u128 {
        Uuid::new_v4().as_u128()
    }
}

/// Makes ids of a clock and of randomness.
#[derive(Clone)]
pub(crate) struct Mint {
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn Ids>>,
}

pub(crate) static SYSTEM_MINT: Mint = Mint::system();

/// The 122 bits of a UUIDv7 that are not its version and variant.
const LOW_BITS: u32 = 62;
/// How far above the last id the next one may be when the clock does not help.
const STEP_BITS: u32 = 56;

impl Mint {
    pub(crate) const fn system() -> Self {
        Self {
            clock: None,
            ids: None,
        }
    }

    pub(crate) fn set_clock(&mut self, clock: Arc<dyn Clock>) {
        self.clock = Some(clock);
    }

    pub(crate) fn set_ids(&mut self, ids: Arc<dyn Ids>) {
        self.ids = Some(ids);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        match &self.clock {
            Some(clock) => clock.now_ms(),
            None => SystemClock.now_ms(),
        }
    }

    fn random(&self) -> u128 {
        match &self.ids {
            Some(ids) => ids.random(),
            None => SystemIds.random(),
        }
    }

    /// A number from 0 up to, not including, 1.
    pub(crate) fn fraction(&self) -> f64 {
        let bits = u32::try_from(self.random() & u128::from(u32::MAX)).unwrap_or_default();
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }

    fn v7(&self) -> Uuid {
        let ms = u64::try_from(self.now_ms()).unwrap_or_default();
        let random = self.random().to_be_bytes();
        let mut bytes = [0; 10];
        // The ends of a random UUID are free of version and variant bits.
        bytes[..5].copy_from_slice(&random[..5]);
        bytes[5..].copy_from_slice(&random[11..]);
        Builder::from_unix_timestamp_millis(ms, &bytes).into_uuid()
    }

    pub(crate) fn run(&self) -> RunId {
        RunId::from_uuid(self.v7())
    }

    /// A checkpoint id above `last`, also when the clock has stepped back.
    pub(crate) fn checkpoint(&self, last: Option<CheckpointId>) -> CheckpointId {
        let fresh = self.v7();
        match last {
            Some(last) if fresh <= last.uuid() => {
                CheckpointId::from_uuid(above(last.uuid(), self.random()))
            }
            _ => CheckpointId::from_uuid(fresh),
        }
    }

    /// The id of an element that came without one.
    pub(crate) fn element(&self) -> String {
        self.v7().to_string()
    }
}

/// A UUIDv7 above this one: the counting bits around version and variant, plus a random step. Were it the next
/// one, two processes that go on from the same checkpoint would make the same id.
fn above(uuid: Uuid, random: u128) -> Uuid {
    let bits = uuid.as_u128();
    let low = bits & ((1 << LOW_BITS) - 1);
    let middle = (bits >> 64) & 0xfff;
    let high = bits >> 80;
    let count = ((high << 12 | middle) << LOW_BITS | low) + 1 + (random & ((1 << STEP_BITS) - 1));
    let (low, rest) = (count & ((1 << LOW_BITS) - 1), count >> LOW_BITS);
    let (middle, high) = (rest & 0xfff, rest >> 12);
    Uuid::from_u128(high << 80 | 0x7 << 76 | middle << 64 | 0b10 << LOW_BITS | low)
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mint")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(i64);
    impl Clock for At {
        fn now_ms(&self) -> i64 {
            self.0
        }
    }

    #[test]
    fn ids_rise_when_the_clock_steps_back() {
        let mut mint = Mint::system();
        mint.set_clock(Arc::new(At(2_000)));
        let mut last = mint.checkpoint(None);
        mint.set_clock(Arc::new(At(1_000)));
        for _ in 0..1_000 {
            let next = mint.checkpoint(Some(last));
            assert!(next > last);
            assert_eq!(next.uuid().get_version_num(), 7);
            last = next;
        }
    }

    #[test]
    fn counting_carries_over_version_and_variant() {
        let full = Uuid::from_u128(0x0000_0000_0001_7fff_bfff_ffff_ffff_ffff);
        assert_eq!(
            above(full, 0).to_string(),
            "00000000-0002-7000-8000-000000000000"
        );
    }
}
