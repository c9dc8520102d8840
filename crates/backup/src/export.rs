//! Exports: the rows of a user, a thread or a whole store as one JSON document, a row a line.
//!
//! `{"format": "everthread-export", "version": 1, "software", "created_at", "scope", "rows": [` on the first line, then
//! each row on a line of its own in the order in which stores give them, then `], "counts": {…},` and last `"sha256":
//! "…"}` with the hash of every byte before that line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use everthread_store::portable::{Kind, Part, Row, Scope};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::archive::manifest::{FORMAT, ScopeBody, check_format, rfc3339, time_of};
use crate::error::{BackupError, BackupErrorKind};
use crate::line::Lines;
use crate::part_stream::{PartStream, Sender};
use crate::{Progress, digest, wire};

/// The ending of a file's name.
pub(crate) const ENDING: &str = ".everthread.json";

/// What an export calls itself.
const EXPORT: &str = "everthread-export";

/// What the first line ends with.
const ROWS: &str = ",\"rows\":[";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    version: u32,
    software: String,
    created_at: String,
    scope: ScopeBody,
}

/// What an export says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) software: String,
    pub(crate) created_ms: i64,
    pub(crate) scope: Scope,
    /// Known once all of it has been read.
    pub(crate) counts: BTreeMap<Kind, u64>,
    pub(crate) sha256: String,
}

/// Writes an export, row by row.
pub(crate) struct Writing<W: Write> {
    out: BufWriter<W>,
    hash: Sha256,
    counts: BTreeMap<Kind, u64>,
    part: Option<Part>,
    line: Vec<u8>,
    rows: u64,
}

impl<W: Write> Writing<W> {
    /// Writes the first line.
    pub(crate) fn begin(out: W, scope: &Scope, created_ms: i64) -> Result<Self, BackupError> {
        let mut writing = Self {
            out: BufWriter::new(out),
            hash: Sha256::new(),
            counts: Kind::ALL.into_iter().map(|kind| (kind, 0)).collect(),
            part: None,
            line: Vec::new(),
            rows: 0,
        };
        let head = Head {
            format: EXPORT.to_owned(),
            version: FORMAT,
            software: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: rfc3339(created_ms),
            scope: ScopeBody::of(scope),
        };
        let mut text = serde_json::to_string(&head).expect("names and numbers have a JSON form");
        // The object goes on.
        text.pop();
        writing.put(format!("{text}{ROWS}").as_bytes())?;
        Ok(writing)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hash.update(bytes);
        self.out.write_all(bytes).map_err(full)
    }

    /// Writes the next row.
    pub(crate) fn row(&mut self, row: &Row) -> Result<(), BackupError> {
        match row {
            Row::Record(_) => self.part = Some(Part::Records),
            Row::User(row) => self.part = Some(Part::User(row.id.clone())),
            Row::Thread(row) => self.part = Some(Part::Thread(row.key.clone())),
            _ => {}
        }
        let Some(part) = &self.part else {
            return Err(BackupError::new(
                BackupErrorKind::Invalid,
                "the store gave a row that belongs to nobody: run `storage check`",
            ));
        };
        let mut line = std::mem::take(&mut self.line);
        wire::write(part, row, &mut line)?;
        // The line's end comes with what follows it.
        line.pop();
        self.put(if self.rows == 0 { b"\n" } else { b",\n" })?;
        self.put(&line)?;
        self.line = line;
        self.rows += 1;
        *self.counts.entry(row.kind()).or_default() += 1;
        Ok(())
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the end.
    pub(crate) fn end(mut self) -> Result<(W, Said), BackupError> {
        let counts = counts_text(&self.counts);
        self.put(format!("\n],\"counts\":{counts},\n").as_bytes())?;
        let sha256 = digest::hex(&self.hash.clone().finalize());
        self.out
            .write_all(format!("\"sha256\":\"{sha256}\"}}\n").as_bytes())
            .map_err(full)?;
        let said = Said {
            software: String::new(),
            created_ms: 0,
            scope: Scope::Whole,
            counts: self.counts,
            sha256,
        };
        let out = self
            .out
            .into_inner()
            .map_err(|error| full(error.into_error()))?;
        Ok((out, said))
    }
}

fn counts_text(counts: &BTreeMap<Kind, u64>) -> String {
    let counts: Vec<String> = counts
        .iter()
        .map(|(kind, count)| format!("\"{}\":{count}", kind.plural()))
        .collect();
    format!("{{{}}}", counts.join(","))
}

fn full(error: io::Error) -> BackupError {
    BackupError::new(
        BackupErrorKind::Unavailable,
        "the export cannot be written: look at the free space of its folder",
    )
    .with_source(error)
}

fn open(path: &Path) -> Result<Lines<File>, BackupError> {
    let file = File::open(path).map_err(|error| BackupError::file("read", path, error))?;
    Ok(Lines::of(file, "the export"))
}

fn head(line: Option<&str>) -> Result<Said, BackupError> {
    let begin = line
        .and_then(|line| line.strip_suffix(ROWS))
        .ok_or_else(|| {
            BackupError::new(
                BackupErrorKind::Foreign,
                "it is no export of Everthread: its first line is another's",
            )
        })?;
    let text = format!("{begin}}}");
    check_format(&text, EXPORT)?;
    let head: Head = serde_json::from_str(&text)
        .map_err(|error| BackupError::damaged(format!("its head cannot be read ({error})")))?;
    Ok(Said {
        software: head.software,
        created_ms: time_of(&head.created_at)?,
        scope: head.scope.read()?,
        counts: BTreeMap::new(),
        sha256: String::new(),
    })
}

/// What an export says on its first line. The line must fit into this many bytes.
pub(crate) fn head_of(path: &Path) -> Result<Said, BackupError> {
    const MAX_HEAD: u64 = 64 * 1024;
    let file = File::open(path).map_err(|error| BackupError::file("read", path, error))?;
    head(Lines::of(file.take(MAX_HEAD), "the export").next()?)
}

/// Reads all of an export and holds it against what it says.
pub(crate) fn prove(path: &Path, progress: Progress<'_>) -> Result<Said, BackupError> {
    let all = std::fs::metadata(path).map_or(0, |file| file.len());
    let mut done = 0;
    walk(path, &mut |line, _| {
        done += line.len() as u64 + 1;
        progress(done.min(all), all);
        Ok(())
    })
}

/// The rows of an export that was proved, parted by what is written in one transaction.
pub(crate) fn parts(path: &Path) -> PartStream {
    let path = path.to_owned();
    PartStream::reading(move |sender: &mut Sender| {
        let mut begun: Option<Part> = None;
        walk(&path, &mut |line, kind| {
            let (part, row) = wire::read(kind, line)?;
            if begun.as_ref() != Some(&part) {
                sender.end()?;
                sender.begin(part.clone())?;
                begun = Some(part);
            }
            sender.row(row)
        })?;
        sender.end()
    })
}

/// Goes through the rows, and looks at the end whether they were all there and none has changed.
fn walk(
    path: &Path,
    row: &mut dyn FnMut(&str, Kind) -> Result<(), BackupError>,
) -> Result<Said, BackupError> {
    let mut lines = open(path)?;
    let mut hash = Sha256::new();
    let mut counts: BTreeMap<Kind, u64> = Kind::ALL.into_iter().map(|kind| (kind, 0)).collect();
    let first = lines.next()?;
    let mut said = head(first)?;
    hash.update(first.unwrap_or_default());
    hash.update("\n");
    let cut = || BackupError::damaged("its end is missing");
    let mut goes_on = true;
    let told = loop {
        let line = lines.next()?.ok_or_else(cut)?;
        hash.update(line);
        hash.update("\n");
        if let Some(told) = line.strip_prefix("],\"counts\":") {
            break told.to_owned();
        }
        if !goes_on {
            return Err(BackupError::damaged(
                "its rows do not end where they should",
            ));
        }
        goes_on = line.ends_with(',');
        let text = line.strip_suffix(',').unwrap_or(line);
        let kind = wire::kind_of(text)?;
        row(text, kind)?;
        *counts.entry(kind).or_default() += 1;
    };
    if goes_on && counts.values().any(|count| *count > 0) {
        return Err(BackupError::damaged(
            "its rows do not end where they should",
        ));
    }
    if told != counts_text(&counts) + "," {
        return Err(BackupError::damaged(
            "it does not have as many rows as it says",
        ));
    }
    let sha256 = digest::hex(&hash.finalize());
    let last = lines.next()?.ok_or_else(cut)?;
    if last != format!("\"sha256\":\"{sha256}\"}}") || lines.next()?.is_some() {
        return Err(BackupError::damaged("it is not as it was written"));
    }
    said.counts = counts;
    said.sha256 = sha256;
    Ok(said)
}
