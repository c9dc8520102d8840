//! The backups in a folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::backup::{Backup, Form};
use crate::error::{BackupError, BackupErrorKind};
use crate::verify;

/// A file in the folder that is called like a backup.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself, or why it says nothing.
    pub backup: Result<Backup, BackupError>,
    /// When it was verified; `None` when it was not, or has changed since.
    pub verified_ms: Option<i64>,
}

/// The backups in a folder, the newest first, and last those that cannot be read. Whatever has another ending is not
/// looked at.
///
/// # Errors
/// `NotFound` when there is no such folder; `Unavailable`.
pub fn list(dir: &Path) -> Result<Vec<Listed>, BackupError> {
    let read = |error| BackupError::file("read the folder", dir, error);
    let mut listed = Vec::new();
    for entry in fs::read_dir(dir).map_err(read)? {
        let name = entry.map_err(read)?.file_name();
        let one = name.to_str().and_then(|name| look(dir, name));
        listed.extend(one);
    }
    let at = |one: &Listed| {
        one.backup
            .as_ref()
            .ok()
            .map(|backup| backup.facts().created_ms)
    };
    listed.sort_by(|a, b| at(b).cmp(&at(a)).then_with(|| b.name.cmp(&a.name)));
    Ok(listed)
}

/// One backup in a folder, by its name.
///
/// # Errors
/// `NotFound` when the folder holds no backup of this name; whatever leads out of the folder is the name of none.
pub fn find(dir: &Path, name: &str) -> Result<Listed, BackupError> {
    let mut parts = Path::new(name).components();
    let is_plain = matches!(parts.next(), Some(Component::Normal(part)) if part == name);
    let found = is_plain.then(|| look(dir, name)).flatten();
    found.ok_or_else(|| {
        let what = format!("there is no backup {name:?} in {}", dir.display());
        BackupError::new(BackupErrorKind::NotFound, what)
    })
}

/// Deletes a backup, and what stands beside it.
///
/// # Errors
/// `Unavailable`.
pub fn delete(one: &Listed) -> Result<(), BackupError> {
    fs::remove_file(&one.path).map_err(|error| BackupError::file("delete", &one.path, error))?;
    verify::forget(&one.path);
    Ok(())
}

/// What a name in a folder is, if it is called like a backup. A link is none: it may lead anywhere.
fn look(dir: &Path, name: &str) -> Option<Listed> {
    let ending = [Form::Snapshot, Form::Archive, Form::Export]
        .into_iter()
        .any(|form| name.ends_with(form.ending()));
    if name.starts_with('.') || !ending {
        return None;
    }
    let path = dir.join(name);
    let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
    is_file.then(|| Listed {
        name: name.to_owned(),
        verified_ms: verify::verified_ms(&path),
        backup: Backup::open(&path),
        path,
    })
}
