//! Reading an archive: its manifest, whether all of it is as the manifest says, and its rows.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use everthread_store::portable::Kind;
use sha2::{Digest, Sha256};

use super::directory::{Directory, Unpacked};
use super::manifest::{Manifest, entry_name};
use super::merge::Merge;
use super::{MANIFEST, MANIFEST_SUM};
use crate::error::{BackupError, BackupErrorKind};
use crate::line::{Lines, broken};
use crate::part_stream::{PartStream, Sender};
use crate::{Progress, digest};

/// The longest manifest, in bytes.
const MAX_MANIFEST: u64 = 64 * 1024;

/// Bytes that are hashed at once.
const PIECE: usize = 256 * 1024;

/// The directory of an archive, which has the entries that one has and no others.
fn directory(path: &Path) -> Result<Directory, BackupError> {
    let file = File::open(path).map_err(|error| BackupError::file("read", path, error))?;
    let directory = Directory::read(file)?;
    let mut wanted: BTreeSet<String> = Kind::ALL.into_iter().map(entry_name).collect();
    wanted.extend([MANIFEST.to_owned(), MANIFEST_SUM.to_owned()]);
    let ours = directory.names().any(|name| name == MANIFEST);
    for name in directory.names() {
        if !wanted.remove(name) {
            let known = Kind::ALL.into_iter().any(|kind| entry_name(kind) == name);
            let twice = known || name == MANIFEST || name == MANIFEST_SUM;
            return Err(if twice {
                BackupError::damaged("it has an entry twice")
            } else {
                BackupError::new(
                    BackupErrorKind::Foreign,
                    "it is no archive of Everthread: it has an entry that none has",
                )
            });
        }
    }
    match wanted.first() {
        Some(_) if !ours => Err(BackupError::new(
            BackupErrorKind::Foreign,
            "it is no archive of Everthread: it has no manifest",
        )),
        Some(name) => Err(BackupError::damaged(format!("it has lost its {name}"))),
        None => Ok(directory),
    }
}

fn entry(directory: &Directory, name: &str) -> Result<(Unpacked, u64), BackupError> {
    directory
        .open(name)
        .ok_or_else(|| BackupError::damaged(format!("it has lost its {name}")))
}

fn short_text(directory: &Directory, name: &str) -> Result<String, BackupError> {
    let (entry, _) = entry(directory, name)?;
    let mut text = String::new();
    let read = entry.take(MAX_MANIFEST + 1).read_to_string(&mut text);
    let read = read.map_err(|error| broken(&format!("its {name}"), error))?;
    if read as u64 > MAX_MANIFEST {
        return Err(BackupError::damaged(format!("its {name} is too long")));
    }
    Ok(text)
}

/// What the archive says of itself.
pub(crate) fn manifest_of(path: &Path) -> Result<Manifest, BackupError> {
    read_manifest(&directory(path)?)
}

fn read_manifest(directory: &Directory) -> Result<Manifest, BackupError> {
    let text = short_text(directory, MANIFEST)?;
    let manifest = Manifest::read(&text)?;
    let sum = short_text(directory, MANIFEST_SUM)?;
    if sum != digest::line(&digest::of(text.as_bytes()), MANIFEST) {
        return Err(BackupError::damaged(
            "its manifest is not the one it was made with",
        ));
    }
    Ok(manifest)
}

/// Reads all of the archive and holds it against the manifest.
///
/// # Errors
/// `Damaged` at the first thing that is not as it should be; with `exact`, also where only the packing has changed.
pub(crate) fn prove(
    path: &Path,
    exact: bool,
    progress: Progress<'_>,
) -> Result<Manifest, BackupError> {
    let directory = directory(path)?;
    let manifest = read_manifest(&directory)?;
    let all = manifest.entries.values().map(|entry| entry.bytes).sum();
    let mut done = 0;
    let mut piece = vec![0; PIECE];
    for (kind, said) in &manifest.entries {
        let name = entry_name(*kind);
        let (mut entry, size) = entry(&directory, &name)?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        loop {
            let read = entry
                .read(&mut piece)
                .map_err(|error| broken(&format!("its {name}"), error))?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            bytes += read as u64;
            if bytes > said.bytes {
                break;
            }
            done += read as u64;
            progress(done, all);
        }
        if bytes != said.bytes || size != bytes || digest::hex(&hash.finalize()) != said.sha256 {
            return Err(BackupError::damaged(format!("its {name} has changed")));
        }
    }
    if exact {
        directory.check_layout()?;
    }
    tracing::debug!(
        bytes = directory.len(),
        "an archive is as its manifest says"
    );
    Ok(manifest)
}

/// The rows of an archive that was proved, parted by what is written in one transaction.
pub(crate) fn parts(path: &Path) -> Result<PartStream, BackupError> {
    let directory = directory(path)?;
    let manifest = read_manifest(&directory)?;
    let mut lines = Vec::new();
    for kind in Kind::ALL {
        let name = entry_name(kind);
        let (entry, _) = entry(&directory, &name)?;
        lines.push((kind, Lines::of(entry, format!("its {name}"))));
    }
    Ok(PartStream::reading(move |sender: &mut Sender| {
        Merge::new(&manifest, lines)?.send(sender)
    }))
}
