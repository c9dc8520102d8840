//! Names of backups: a prefix, the time in UTC, and an ending that says the form.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::error::{BackupError, BackupErrorKind};

/// What names begin with when nothing else is said.
pub const DEFAULT_PREFIX: &str = "everthread_";

/// Backups of one second and prefix, at most.
const MAX_TRIES: u32 = 10_000;

/// A time as names have it: `YYYYMMDD_HHMMSS`, in UTC.
#[must_use]
pub fn stamp(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y%m%d_%H%M%S").to_string()
}

/// The time in a name; `None` when it has none.
pub(crate) fn time_in(name: &str) -> Option<i64> {
    let found = (0..name.len()).rev().find_map(|at| {
        let text = name.get(at..at + 15)?;
        let digits = text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'_',
            _ => byte.is_ascii_digit(),
        });
        let parsed = digits.then(|| DateTime::strptime("%Y%m%d_%H%M%S", text))?;
        parsed.ok()
    })?;
    let at = found.to_zoned(TimeZone::UTC).ok()?;
    Some(at.timestamp().as_millisecond())
}

/// Refuses a prefix that would lead out of the folder or hide the file.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), BackupError> {
    let plain = !prefix.starts_with('.')
        && prefix.len() <= 100
        && prefix
            .chars()
            .all(|c| !c.is_control() && !matches!(c, '/' | '\\' | ':'));
    if plain {
        return Ok(());
    }
    Err(BackupError::new(
        BackupErrorKind::Invalid,
        format!("{prefix:?} cannot begin the name of a file: use letters, digits, - and _"),
    ))
}

/// Gives a finished file its name, one that no other has: two in one second are numbered.
pub(crate) fn settle(
    finished: &Path,
    dir: &Path,
    prefix: &str,
    at_ms: i64,
    ending: &str,
) -> Result<PathBuf, BackupError> {
    let stamp = stamp(at_ms);
    for number in 1..=MAX_TRIES {
        let more = if number == 1 {
            String::new()
        } else {
            format!("_{number}")
        };
        let path = dir.join(format!("{prefix}{stamp}{more}{ending}"));
        match fs::hard_link(finished, &path) {
            Ok(()) => {
                fs::remove_file(finished)
                    .map_err(|error| BackupError::file("tidy up", finished, error))?;
                sync_dir(dir)?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(BackupError::file("write", &path, error)),
        }
    }
    Err(BackupError::new(
        BackupErrorKind::Unavailable,
        format!("{} is full of backups of this second", dir.display()),
    ))
}

/// Gives a finished file this name, which nothing may have.
pub(crate) fn settle_as(finished: &Path, path: &Path) -> Result<PathBuf, BackupError> {
    match fs::hard_link(finished, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::new(
                BackupErrorKind::Exists,
                format!("{} is there already: name another file", path.display()),
            ));
        }
        Err(error) => return Err(BackupError::file("write", path, error)),
    }
    fs::remove_file(finished).map_err(|error| BackupError::file("tidy up", finished, error))?;
    sync_dir(dir_of(path))?;
    Ok(path.to_owned())
}

/// Makes a name durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), BackupError> {
    let synced = fs::File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|error| BackupError::file("sync the folder", dir, error))
}

/// The folder of a file.
pub(crate) fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_out_of_a_name() {
        assert_eq!(stamp(1_732_314_645_999), "20241122_223045");
        let at = Some(1_732_314_645_000);
        for name in [
            "everthread_20241122_223045.db",
            "everthread_20241122_223045_2.everthread.zip",
            "chatbot_backup_20241122_223045.db",
            "é20241122_223045",
        ] {
            assert_eq!(time_in(name), at, "{name}");
        }
        for name in ["notes.db", "20241322_223045", "2024112_2230455", ""] {
            assert_eq!(time_in(name), None, "{name}");
        }
    }

    #[test]
    fn a_prefix_stays_in_its_folder() {
        for good in ["", "chatbot_backup_", "café-"] {
            check_prefix(good).unwrap();
        }
        for bad in ["../", "/etc/", "a\\b", ".hidden", "a\nb", "c:"] {
            assert!(check_prefix(bad).is_err(), "{bad:?}");
        }
    }
}
