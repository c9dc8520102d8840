//! One file: its bytes as programs see them, as they are safe, and the writes in between.
//!
//! The unit is the sector: what a power cut leaves of one is a state that it was in since the last sync, whole.
//! Sectors are kept or lost independently of each other, and so is the size.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::rng::Rng;

const SECTOR: usize = 512;

/// A file without its name.
#[derive(Debug)]
pub(super) struct Inode {
    seen: Vec<u8>,
    safe: Vec<u8>,
    writes: VecDeque<Change>,
    settled: usize,
}

#[derive(Debug)]
enum Change {
    /// These whole sectors (the last one up to the file's end) became so.
    Sectors { first: usize, bytes: Vec<u8> },
    /// The size became this.
    Size(usize),
}

impl Change {
    fn sectors(&self) -> Range<usize> {
        match self {
            Self::Sectors { first, bytes } => *first..first + bytes.len().div_ceil(SECTOR),
            Self::Size(_) => 0..0,
        }
    }
}

impl Inode {
    pub(super) fn safe(bytes: Vec<u8>) -> Self {
        Self {
            seen: bytes.clone(),
            safe: bytes,
            writes: VecDeque::new(),
            settled: 0,
        }
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn is_safe(&self) -> bool {
        self.writes.is_empty() && self.seen == self.safe
    }

    /// How many changes there ever were.
    pub(super) fn position(&self) -> usize {
        self.settled + self.writes.len()
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.seen, offset, bytes);
        let first = offset / SECTOR;
        let end = ((offset + bytes.len()).div_ceil(SECTOR) * SECTOR).min(self.seen.len());
        let bytes = self.seen[first * SECTOR..end].to_vec();
        self.writes.push_back(Change::Sectors { first, bytes });
    }

    pub(super) fn resize(&mut self, size: usize) {
        self.seen.resize(size, 0);
        self.writes.push_back(Change::Size(size));
    }

    /// The first so many changes that there ever were are safe.
    pub(super) fn settle(&mut self, upto: usize) {
        for change in self.take(upto) {
            match change {
                Change::Sectors { first, bytes } => put(&mut self.safe, first * SECTOR, &bytes),
                Change::Size(size) => self.safe.resize(size, 0),
            }
        }
    }

    /// The sync of these changes failed: some are safe, the others never will be, though programs still see them.
    pub(super) fn abandon(&mut self, upto: usize, rng: &mut Rng) {
        let changes: Vec<Change> = self.take(upto).collect();
        self.safe = survivors(&self.safe, changes.iter(), rng);
    }

    fn take(&mut self, upto: usize) -> impl Iterator<Item = Change> + use<> {
        let count = upto.saturating_sub(self.settled);
        self.settled += count;
        self.writes.drain(..count).collect::<Vec<_>>().into_iter()
    }

    /// The bytes as a power cut now may leave them.
    pub(super) fn after_cut(&self, rng: &mut Rng) -> Vec<u8> {
        match rng.below(8) {
            0 => self.safe.clone(),
            // Everything reached the disk in order up to a moment, and the write of that moment in part.
            1 | 2 if !self.writes.is_empty() => {
                let whole = rng.below(self.writes.len());
                let mut bytes = self.safe.clone();
                for change in self.writes.iter().take(whole) {
                    match change {
                        Change::Sectors { first, bytes: new } => {
                            put(&mut bytes, first * SECTOR, new);
                        }
                        Change::Size(size) => bytes.resize(*size, 0),
                    }
                }
                survivors(&bytes, self.writes.iter().skip(whole).take(1), rng)
            }
            _ => survivors(&self.safe, self.writes.iter(), rng),
        }
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

/// What is left of a file when an arbitrary part of these changes reached it.
fn survivors<'a>(
    safe: &[u8],
    changes: impl Iterator<Item = &'a Change> + Clone,
    rng: &mut Rng,
) -> Vec<u8> {
    let mut size = safe.len();
    let mut sizes = vec![size];
    let mut versions: BTreeMap<usize, Vec<&[u8]>> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Size(new) => size = *new,
            Change::Sectors { first, bytes } => {
                for (sector, bytes) in change.sectors().zip(bytes.chunks(SECTOR)) {
                    versions.entry(sector).or_default().push(bytes);
                }
                size = size.max(first * SECTOR + bytes.len());
            }
        }
        sizes.push(size);
    }
    // Larger losses and smaller ones: from nearly all sectors lost to nearly all kept.
    let lost_of_8 = rng.below(9);
    let mut left = safe.to_vec();
    for (sector, versions) in versions {
        if rng.below(8) >= lost_of_8 {
            let newest = versions.len() - 1;
            let version = if rng.once_in(2) {
                newest
            } else {
                rng.below(versions.len())
            };
            put(&mut left, sector * SECTOR, versions[version]);
        }
    }
    let size = match rng.below(4) {
        0 => sizes[rng.below(sizes.len())],
        1 => left.len().max(size),
        _ => left.len(),
    };
    let kept = left.len().min(size);
    left.truncate(size);
    // What a file grew by without its bytes being written is zeros or what had been there on the disk.
    let garbage = rng.once_in(4);
    left.extend(if garbage {
        rng.bytes(size - kept)
    } else {
        vec![0; size - kept]
    });
    left
}
