//! What the VFS notes down: every event that decides what a power cut leaves, one record each.
//!
//! A record is `length u32 | kind u8 | number u64 | name length u8 | name | bytes`, little-endian, appended by one
//! write, so that records of several threads never mix. An event is noted after it happened: where two threads
//! race, the log errs towards less being on the disk than there really is.

/// One event on one file of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// The file's name in the directory.
    pub(crate) name: &'a str,
    pub(crate) what: What<'a>,
}

/// What happened to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What<'a> {
    /// It had been there, safe, before the recording began.
    Found { bytes: &'a [u8] },
    /// It was created.
    Created,
    /// Bytes were written.
    Written { offset: u64, bytes: &'a [u8] },
    /// Its size was set.
    Resized { size: u64 },
    /// A sync began: it covers what was noted before.
    SyncBegan { token: u64 },
    /// That sync succeeded.
    SyncEnded { token: u64 },
    /// That sync succeeded and synced the directory too.
    SyncEndedWithDir { token: u64 },
    /// That sync failed: nobody knows what of it is safe, and no later sync writes it again.
    SyncFailed { token: u64 },
    /// It was deleted.
    Deleted,
    /// It was deleted and the directory synced.
    DeletedWithDir,
}

/// The record of an event.
pub(crate) fn encode(event: &Event<'_>) -> Vec<u8> {
    let (kind, number, bytes): (u8, u64, &[u8]) = match event.what {
        What::Found { bytes } => (0, 0, bytes),
        What::Created => (1, 0, &[]),
        What::Written { offset, bytes } => (2, offset, bytes),
        What::Resized { size } => (3, size, &[]),
        What::SyncBegan { token } => (4, token, &[]),
        What::SyncEnded { token } => (5, token, &[]),
        What::SyncEndedWithDir { token } => (6, token, &[]),
        What::SyncFailed { token } => (7, token, &[]),
        What::Deleted => (8, 0, &[]),
        What::DeletedWithDir => (9, 0, &[]),
    };
    let rest = 1 + 8 + 1 + event.name.len() + bytes.len();
    let mut record = Vec::with_capacity(4 + rest);
    record.extend_from_slice(&u32::try_from(rest).unwrap().to_le_bytes());
    record.push(kind);
    record.extend_from_slice(&number.to_le_bytes());
    record.push(u8::try_from(event.name.len()).unwrap());
    record.extend_from_slice(event.name.as_bytes());
    record.extend_from_slice(bytes);
    record
}

/// Reads a log: every event with the log's length after it.
pub(crate) fn decode(log: &[u8]) -> impl Iterator<Item = (usize, Event<'_>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = log.get(at..).filter(|rest| rest.len() >= 4)?;
        let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        // A record that the end of its process cut short is no event.
        let record = rest.get(4..4 + len)?;
        at += 4 + len;
        Some((at, event(record)))
    })
}

/// The length of a log up to its last whole record.
pub(crate) fn whole_len(log: &[u8]) -> usize {
    decode(log).last().map_or(0, |(end, _)| end)
}

fn event(record: &[u8]) -> Event<'_> {
    let number = u64::from_le_bytes(record[1..9].try_into().unwrap());
    let (name, bytes) = record[10..].split_at(usize::from(record[9]));
    let what = match record[0] {
        0 => What::Found { bytes },
        1 => What::Created,
        2 => What::Written {
            offset: number,
            bytes,
        },
        3 => What::Resized { size: number },
        4 => What::SyncBegan { token: number },
        5 => What::SyncEnded { token: number },
        6 => What::SyncEndedWithDir { token: number },
        7 => What::SyncFailed { token: number },
        8 => What::Deleted,
        9 => What::DeletedWithDir,
        kind => panic!("the log holds a record of the unknown kind {kind}"),
    };
    Event {
        name: std::str::from_utf8(name).unwrap(),
        what,
    }
}
