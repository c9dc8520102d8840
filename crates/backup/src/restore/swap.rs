//! One file in the place of another, so that at any point one of both is there, whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{BackupError, BackupErrorKind};
use crate::{Opener, name};

/// Restores of one second, at most.
const MAX_TRIES: u32 = 10_000;

/// Puts a finished file in the place of a store's; gives where the old one is.
pub(super) fn swap(
    new: &Path,
    target: &Path,
    opener: &dyn Opener,
    now_ms: i64,
) -> Result<Option<PathBuf>, BackupError> {
    let folder = name::dir_of(target);
    for left in opener.beside(new) {
        if left.exists() {
            return Err(BackupError::new(
                BackupErrorKind::Unavailable,
                format!("{} was not closed: try again", left.display()),
            ));
        }
    }
    let synced = File::open(new).and_then(|file| file.sync_all());
    synced.map_err(|error| BackupError::file("sync", new, error))?;
    let safety_copy = if target.exists() {
        Some(keep(target, opener, now_ms)?)
    } else {
        None
    };
    name::sync_dir(folder)?;
    fs::rename(new, target).map_err(|error| BackupError::file("replace", target, error))?;
    name::sync_dir(folder)?;
    Ok(safety_copy)
}

/// Puts a file that was kept in the place of the store that replaced it.
pub(super) fn back(kept: &Path, target: &Path, opener: &dyn Opener) -> Result<(), BackupError> {
    if !kept.exists() {
        return Err(BackupError::new(
            BackupErrorKind::NotFound,
            format!("{} is gone: it cannot be put back", kept.display()),
        ));
    }
    // Logs belong to one file: those of the new one must not be found beside the old.
    for log in opener.beside(target) {
        match fs::remove_file(&log) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BackupError::file("remove", &log, error));
            }
            _ => {}
        }
    }
    fs::rename(kept, target).map_err(|error| BackupError::file("replace", target, error))?;
    move_logs(kept, target, opener)?;
    name::sync_dir(name::dir_of(target))
}

/// Gives the old file a second name. A log that could not be closed belongs to it, and must not be found beside the new
/// one: it moves to the second name, without which the old file would be less than it was.
fn keep(target: &Path, opener: &dyn Opener, now_ms: i64) -> Result<PathBuf, BackupError> {
    let stamp = name::stamp(now_ms);
    for number in 1..=MAX_TRIES {
        let mut named = target.as_os_str().to_owned();
        named.push(format!(".before-restore_{stamp}"));
        if number > 1 {
            named.push(format!("_{number}"));
        }
        let safety = PathBuf::from(named);
        match fs::hard_link(target, &safety) {
            Ok(()) => {
                move_logs(target, &safety, opener)?;
                return Ok(safety);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(BackupError::file("keep a copy of", target, error)),
        }
    }
    Err(BackupError::new(
        BackupErrorKind::Unavailable,
        "there are too many copies of this second",
    ))
}

fn move_logs(from: &Path, to: &Path, opener: &dyn Opener) -> Result<(), BackupError> {
    for (from, to) in opener.beside(from).iter().zip(opener.beside(to)) {
        if from.exists() {
            fs::rename(from, &to).map_err(|error| BackupError::file("move", from, error))?;
        }
    }
    Ok(())
}
