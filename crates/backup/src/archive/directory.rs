//! The directory of a ZIP that somebody else may have written.
//!
//! It is read by hand rather than by a library: a library takes all of a directory into memory before anything can be
//! said about it, and a hostile file lists millions of entries. Ours has a few, of known names; anything else is
//! refused before it costs anything. Nothing is ever unpacked to a name that stands in a file.

use std::fs::File;
use std::io::{self, Read, Take};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use super::{SUM_DIGITS, SUM_LABEL};
use crate::digest;
use crate::error::{BackupError, BackupErrorKind};

/// Entries that a directory may list.
const MAX_ENTRIES: u64 = 64;
/// Bytes that it may have.
const MAX_BYTES: u64 = 64 * 1024;
/// Bytes of the record at the end, without its comment.
const END: usize = 22;
/// The longest comment.
const MAX_COMMENT: u64 = 0xFFFF;
/// Bytes of an entry of the directory, without its names.
const ENTRY: usize = 46;
/// Bytes of the header before an entry's data, without its names.
const HEADER: u64 = 30;
/// Bytes of the comment of ours.
const COMMENT: u64 = (SUM_LABEL.len() + SUM_DIGITS) as u64;
/// The date of entries that say no time: 1980-01-01.
const NO_DATE: u16 = 0x21;

/// A ZIP whose directory has been read.
pub(crate) struct Directory {
    file: Arc<File>,
    entries: Vec<Listed>,
    /// Where it begins and ends, and where the file ends.
    at: u64,
    bytes: u64,
    len: u64,
}

struct Listed {
    name: String,
    method: u16,
    packed: u64,
    unpacked: u64,
    header_at: u64,
    data_at: u64,
    /// The fields that stand in the header as well.
    shared: [u8; 24],
    /// Where the entry was made, and what the system says of it: the same for all of ours.
    made: [u8; 6],
    extra: usize,
    has_comment: bool,
}

fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let digits = bytes.get(at..at + len).unwrap_or_default();
    digits
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn foreign(what: &str) -> BackupError {
    BackupError::new(
        BackupErrorKind::Foreign,
        format!("it is no archive of Everthread: {what}"),
    )
}

fn unread(error: io::Error) -> BackupError {
    crate::line::broken("the archive", error)
}

impl Directory {
    /// Reads the directory of a file.
    ///
    /// # Errors
    /// `Foreign` when it is no ZIP, or one that we never write; `Damaged` when it contradicts itself.
    pub(crate) fn read(file: File) -> Result<Self, BackupError> {
        let len = file.metadata().map_err(unread)?.len();
        let (count, bytes, at) = end_of(&file, len)?;
        if count > MAX_ENTRIES || bytes > MAX_BYTES {
            return Err(foreign("it lists more entries than an archive has"));
        }
        if at.checked_add(bytes).is_none_or(|end| end > len) {
            return Err(BackupError::damaged("its directory lies outside of it"));
        }
        let mut raw = vec![0; usize::try_from(bytes).unwrap_or(0)];
        file.read_exact_at(&mut raw, at).map_err(unread)?;
        let mut entries = Vec::new();
        let mut rest = &raw[..];
        for _ in 0..count {
            let (mut entry, after) = listed(rest)?;
            entry.data_at = data_at(&file, &entry, at)?;
            rest = after;
            entries.push(entry);
        }
        if !rest.is_empty() {
            return Err(BackupError::damaged("its directory has more than it says"));
        }
        let directory = Self {
            file: Arc::new(file),
            entries,
            at,
            bytes,
            len,
        };
        directory.refuse_overlaps()?;
        Ok(directory)
    }

    /// Entries that share their data make much of little.
    fn refuse_overlaps(&self) -> Result<(), BackupError> {
        let mut places: Vec<(u64, u64)> = self
            .entries
            .iter()
            .map(|entry| (entry.header_at, entry.data_at + entry.packed))
            .collect();
        places.sort_unstable();
        if places.windows(2).any(|two| two[0].1 > two[1].0) {
            return Err(foreign("its entries overlap"));
        }
        Ok(())
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.name)
    }

    /// How large the file is.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Reads an entry from its beginning, unpacked; `None` when there is none of this name.
    pub(crate) fn open(&self, name: &str) -> Option<(Unpacked, u64)> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        let data = Section {
            file: Arc::clone(&self.file),
            at: entry.data_at,
        }
        .take(entry.packed);
        let unpacked = match entry.method {
            0 => Unpacked::Stored(data),
            _ => Unpacked::Packed(Box::new(DeflateDecoder::new(data))),
        };
        Some((unpacked, entry.unpacked))
    }

    /// Whether every byte that is no entry's data is as we write it, so that one that has changed is seen.
    ///
    /// # Errors
    /// `Damaged` when one is not.
    pub(crate) fn check_layout(&self) -> Result<(), BackupError> {
        let mut next = 0;
        for entry in &self.entries {
            let header = self.header(entry)?;
            let name = entry.name.len() as u64;
            let extra = number(&header, 28, 2);
            let wide = number(&header, 4, 2) >= 45;
            let stands = entry.header_at == next
                && header[4..28] == entry.shared
                && number(&header, 26, 2) == name
                && number(&header, 6, 2) & !0x0800 == 0
                && number(&header, 10, 2) == 0
                && number(&header, 12, 2) == u64::from(NO_DATE)
                && (wide || (extra == 0 && entry.extra == 0))
                && !entry.has_comment
                && entry.made == self.entries[0].made
                && self.same_name(entry)?;
            if !stands {
                return Err(BackupError::damaged("its layout has changed"));
            }
            next = entry.data_at + entry.packed;
        }
        let end = self.at + self.bytes + END as u64 + COMMENT;
        let wide = self.at > u64::from(u32::MAX);
        if next != self.at
            || (end != self.len && !wide)
            || !self.plain_end()?
            || !self.is_sealed()?
        {
            return Err(BackupError::damaged("its layout has changed"));
        }
        Ok(())
    }

    fn header(&self, entry: &Listed) -> Result<[u8; HEADER as usize], BackupError> {
        let mut header = [0; HEADER as usize];
        self.file
            .read_exact_at(&mut header, entry.header_at)
            .map_err(unread)?;
        Ok(header)
    }

    fn same_name(&self, entry: &Listed) -> Result<bool, BackupError> {
        let mut name = vec![0; entry.name.len()];
        self.file
            .read_exact_at(&mut name, entry.header_at + HEADER)
            .map_err(unread)?;
        Ok(name == entry.name.as_bytes())
    }

    /// Whether the hash in the comment is that of all bytes before it.
    fn is_sealed(&self) -> Result<bool, BackupError> {
        let mut comment = [0; COMMENT as usize];
        let begins = self.len.saturating_sub(COMMENT);
        self.file
            .read_exact_at(&mut comment, begins)
            .map_err(unread)?;
        let Some(said) = comment.strip_prefix(SUM_LABEL.as_bytes()) else {
            return Ok(false);
        };
        let before = self.len - SUM_DIGITS as u64;
        let found = digest::of_start(&self.file, before).map_err(unread)?;
        Ok(said == found.as_bytes())
    }

    /// One disk, a comment of our length, as many entries as are listed.
    fn plain_end(&self) -> Result<bool, BackupError> {
        let mut end = [0; END];
        let Some(at) = self.len.checked_sub(END as u64 + COMMENT) else {
            return Ok(false);
        };
        self.file.read_exact_at(&mut end, at).map_err(unread)?;
        let count = self.entries.len() as u64;
        Ok(number(&end, 4, 4) == 0
            && number(&end, 8, 2) == count
            && number(&end, 10, 2) == count
            && number(&end, 20, 2) == COMMENT)
    }
}

/// The record at the end: how many entries there are, the bytes of the directory, and where it begins.
fn end_of(file: &File, len: u64) -> Result<(u64, u64, u64), BackupError> {
    let tail = len.min(END as u64 + MAX_COMMENT);
    let mut raw = vec![0; usize::try_from(tail).unwrap_or(0)];
    file.read_exact_at(&mut raw, len - tail).map_err(unread)?;
    let found = (0..=raw.len().saturating_sub(END)).rev().find(|&at| {
        raw[at..].starts_with(b"PK\x05\x06")
            && at + END + usize::try_from(number(&raw, at + 20, 2)).unwrap_or(0) == raw.len()
    });
    let Some(at) = found else {
        return Err(BackupError::damaged("its end is missing"));
    };
    let (count, bytes, begins) = (
        number(&raw, at + 10, 2),
        number(&raw, at + 12, 4),
        number(&raw, at + 16, 4),
    );
    if count < 0xFFFF && bytes < 0xFFFF_FFFF && begins < 0xFFFF_FFFF {
        return Ok((count, bytes, begins));
    }
    // Wider numbers stand in a record of their own, which another one before this points to.
    let locator = at
        .checked_sub(20)
        .filter(|&at| raw[at..].starts_with(b"PK\x06\x07"))
        .ok_or_else(|| BackupError::damaged("its end contradicts itself"))?;
    let wide_at = number(&raw, locator + 8, 8);
    if wide_at.checked_add(56).is_none_or(|end| end > len) {
        return Err(BackupError::damaged("its end lies outside of it"));
    }
    let mut wide = [0; 56];
    file.read_exact_at(&mut wide, wide_at).map_err(unread)?;
    if !wide.starts_with(b"PK\x06\x06") {
        return Err(BackupError::damaged("its end contradicts itself"));
    }
    Ok((
        number(&wide, 32, 8),
        number(&wide, 40, 8),
        number(&wide, 48, 8),
    ))
}

/// The next entry of a directory, and what comes after it.
fn listed(raw: &[u8]) -> Result<(Listed, &[u8]), BackupError> {
    let cut = || BackupError::damaged("its directory cannot be read");
    if !raw.starts_with(b"PK\x01\x02") || raw.len() < ENTRY {
        return Err(cut());
    }
    let length = |at| usize::try_from(number(raw, at, 2)).unwrap_or(0);
    let (name, extra, comment) = (length(28), length(30), length(32));
    let end = ENTRY + name + extra + comment;
    if raw.len() < end {
        return Err(cut());
    }
    let (flags, method) = (number(raw, 8, 2), number(raw, 10, 2));
    if flags & 1 != 0 {
        return Err(foreign("an entry is encrypted"));
    }
    let method = match method {
        0 => 0,
        8 => 8,
        _ => return Err(foreign("an entry is packed in another way")),
    };
    let name_bytes = &raw[ENTRY..ENTRY + name];
    let text = std::str::from_utf8(name_bytes)
        .ok()
        .filter(|name| name.is_ascii());
    let name_text = text.ok_or_else(|| foreign("an entry has an odd name"))?;
    let mut shared = [0; 24];
    shared.copy_from_slice(&raw[6..30]);
    let mut made = [0; 6];
    made[..2].copy_from_slice(&raw[4..6]);
    made[2..].copy_from_slice(&raw[38..42]);
    let mut entry = Listed {
        name: name_text.to_owned(),
        method,
        packed: number(raw, 20, 4),
        unpacked: number(raw, 24, 4),
        header_at: number(raw, 42, 4),
        data_at: 0,
        shared,
        made,
        extra,
        has_comment: comment > 0 || number(raw, 34, 4) != 0,
    };
    widen(&mut entry, &raw[ENTRY + name..ENTRY + name + extra])?;
    Ok((entry, &raw[end..]))
}

/// Numbers that do not fit stand in a field of their own, in this order.
fn widen(entry: &mut Listed, mut extra: &[u8]) -> Result<(), BackupError> {
    const NARROW: u64 = 0xFFFF_FFFF;
    while extra.len() >= 4 {
        let (id, len) = (
            number(extra, 0, 2),
            usize::try_from(number(extra, 2, 2)).unwrap_or(0),
        );
        let Some(field) = extra.get(4..4 + len) else {
            break;
        };
        if id == 1 {
            let mut at = 0;
            for value in [&mut entry.unpacked, &mut entry.packed, &mut entry.header_at] {
                if *value == NARROW {
                    if field.len() < at + 8 {
                        return Err(BackupError::damaged("its directory cannot be read"));
                    }
                    *value = number(field, at, 8);
                    at += 8;
                }
            }
        }
        extra = &extra[4 + len..];
    }
    Ok(())
}

fn data_at(file: &File, entry: &Listed, directory_at: u64) -> Result<u64, BackupError> {
    let outside = || BackupError::damaged("an entry lies outside of it");
    let mut header = [0; HEADER as usize];
    if entry
        .header_at
        .checked_add(HEADER)
        .is_none_or(|end| end > directory_at)
    {
        return Err(outside());
    }
    file.read_exact_at(&mut header, entry.header_at)
        .map_err(unread)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(BackupError::damaged(
            "an entry does not begin where it should",
        ));
    }
    let at = entry.header_at + HEADER + number(&header, 26, 2) + number(&header, 28, 2);
    match at.checked_add(entry.packed) {
        Some(end) if end <= directory_at => Ok(at),
        _ => Err(outside()),
    }
}

/// A file from a place on, read without moving others.
pub(crate) struct Section {
    file: Arc<File>,
    at: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// An entry's content.
pub(crate) enum Unpacked {
    /// As it lies there.
    Stored(Take<Section>),
    /// Packed.
    Packed(Box<DeflateDecoder<Take<Section>>>),
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(data) => data.read(buffer),
            Self::Packed(data) => data.read(buffer),
        }
    }
}
