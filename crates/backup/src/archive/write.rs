//! Writing an archive: rows come a thread at a time and lie a kind at a time, so each kind has a file of its own until
//! all have come.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use everthread_store::portable::{Kind, Part, Row, Scope};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::manifest::{Entry, Manifest, entry_name};
use super::{MANIFEST, MANIFEST_SUM, SUM_DIGITS, SUM_LABEL};
use crate::digest;
use crate::error::{BackupError, BackupErrorKind};
use crate::wire;

/// The largest entry that needs no wider numbers.
const SMALL_BYTES: u64 = 0xFFFF_0000;

/// The lines of each kind so far, and their hashes. Without a folder the lines are only hashed.
pub(crate) struct Spools {
    kinds: BTreeMap<Kind, Spool>,
    part: Option<Part>,
    line: Vec<u8>,
    rows: u64,
}

struct Spool {
    file: Option<BufWriter<File>>,
    hash: Sha256,
    entry: Entry,
}

impl Spools {
    /// In files that have no name, in a folder.
    pub(crate) fn within(dir: &Path) -> Result<Self, BackupError> {
        Self::new(|| {
            let file = tempfile::tempfile_in(dir)
                .map_err(|error| BackupError::file("write in", dir, error))?;
            Ok(Some(BufWriter::new(file)))
        })
    }

    /// Only the hashes.
    pub(crate) fn of_hashes() -> Result<Self, BackupError> {
        Self::new(|| Ok(None))
    }

    fn new(
        file: impl Fn() -> Result<Option<BufWriter<File>>, BackupError>,
    ) -> Result<Self, BackupError> {
        let spool = |kind| {
            let spool = Spool {
                file: file()?,
                hash: Sha256::new(),
                entry: Entry::default(),
            };
            Ok::<_, BackupError>((kind, spool))
        };
        Ok(Self {
            kinds: Kind::ALL.into_iter().map(spool).collect::<Result<_, _>>()?,
            part: None,
            line: Vec::new(),
            rows: 0,
        })
    }

    /// Says whose the next rows are, before the row of the user or thread itself comes.
    pub(crate) fn belongs_to(&mut self, part: Part) {
        self.part = Some(part);
    }

    /// Takes the next row of the stream.
    pub(crate) fn row(&mut self, row: &Row) -> Result<(), BackupError> {
        match row {
            Row::Record(_) => self.part = Some(Part::Records),
            Row::User(row) => self.part = Some(Part::User(row.id.clone())),
            Row::Thread(row) => self.part = Some(Part::Thread(row.key.clone())),
            _ => {}
        }
        let (Some(part), Some(spool)) = (&self.part, self.kinds.get_mut(&row.kind())) else {
            return Err(BackupError::new(
                BackupErrorKind::Invalid,
                "the store gave a row that belongs to nobody: run `storage check`",
            ));
        };
        wire::write(part, row, &mut self.line)?;
        spool.hash.update(&self.line);
        spool.entry.rows += 1;
        spool.entry.bytes += self.line.len() as u64;
        self.rows += 1;
        match &mut spool.file {
            Some(file) => file.write_all(&self.line).map_err(full),
            None => Ok(()),
        }
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// What has come.
    pub(crate) fn entries(&self) -> BTreeMap<Kind, Entry> {
        let entry = |(kind, spool): (&Kind, &Spool)| {
            let mut entry = spool.entry.clone();
            entry.sha256 = digest::hex(&spool.hash.clone().finalize());
            (*kind, entry)
        };
        self.kinds.iter().map(entry).collect()
    }
}

fn full(error: io::Error) -> BackupError {
    BackupError::new(
        BackupErrorKind::Unavailable,
        "the backup cannot be written: look at the free space of its folder",
    )
    .with_source(error)
}

/// Puts the archive together in a new file, which is on the disk at return.
pub(crate) fn assemble(
    spools: Spools,
    scope: &Scope,
    created_ms: i64,
    file: &File,
) -> Result<Manifest, BackupError> {
    let manifest = Manifest {
        software: env!("CARGO_PKG_VERSION").to_owned(),
        created_ms,
        scope: scope.clone(),
        entries: spools.entries(),
    };
    let zipped = |error: zip::result::ZipError| full(io::Error::other(error));
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let text = manifest.text();
    let sum = digest::line(&digest::of(text.as_bytes()), MANIFEST);
    for (name, text) in [(MANIFEST, &text), (MANIFEST_SUM, &sum)] {
        zip.start_file(name, options(text.len() as u64))
            .map_err(zipped)?;
        zip.write_all(text.as_bytes()).map_err(full)?;
    }
    for (kind, spool) in spools.kinds {
        zip.start_file(entry_name(kind), options(spool.entry.bytes))
            .map_err(zipped)?;
        if let Some(lines) = spool.file {
            let mut lines = lines
                .into_inner()
                .map_err(|error| full(error.into_error()))?;
            lines.rewind().map_err(full)?;
            io::copy(&mut lines, &mut zip).map_err(full)?;
        }
    }
    zip.set_comment(SUM_LABEL.to_owned() + &"0".repeat(SUM_DIGITS))
        .map_err(zipped)?;
    let mut out = zip.finish().map_err(zipped)?;
    out.flush().map_err(full)?;
    drop(out);
    seal(file).map_err(full)?;
    file.sync_all().map_err(full)?;
    Ok(manifest)
}

/// Writes the hash of all bytes before it where the comment has room for it: packed data have bits that no unpacking sees.
fn seal(file: &File) -> io::Result<()> {
    let before = file.metadata()?.len() - SUM_DIGITS as u64;
    let sum = digest::of_start(file, before)?;
    file.write_all_at(sum.as_bytes(), before)
}

/// Each entry is alike: packed, of no time, a plain file.
fn options(bytes: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644)
        .large_file(bytes > SMALL_BYTES)
}
