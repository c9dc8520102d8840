//! The backups in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::backup::{Backup, Form};
use crate::error::BackupError;
use crate::verify::verified_ms;

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
        let path = entry.map_err(read)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let ending = [Form::Snapshot, Form::Archive, Form::Export]
            .into_iter()
            .any(|form| name.ends_with(form.ending()));
        if name.starts_with('.') || !ending || !path.is_file() {
            continue;
        }
        listed.push(Listed {
            name: name.to_owned(),
            verified_ms: verified_ms(&path),
            backup: Backup::open(&path),
            path,
        });
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
