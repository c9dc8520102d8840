//! Where the storage's file is, and where backups are.

use std::path::{Path, PathBuf};

use everthread_sqlite::{Location, SqliteOptions};

use crate::failure::{Exit, Failure};
use crate::settings::{Settings, data_dir};

/// The file of the storage.
///
/// # Errors
/// `Invalid` when it is kept in none.
pub(crate) fn storage_file(settings: &Settings) -> Result<PathBuf, Failure> {
    let url = settings.storage();
    let location = SqliteOptions::from_url(&url).map(|options| options.location);
    match location {
        Ok(Location::File(path)) => Ok(path),
        _ => Err(Failure::new(
            Exit::Invalid,
            "a whole storage is restored where it is a SQLite file; into another, `backup import` takes an archive",
        )),
    }
}

/// The folder of the backups: the flag, else the setting, else `backups` beside the storage.
pub(crate) fn backup_dir(settings: &Settings, flag: Option<&Path>) -> PathBuf {
    if let Some(dir) = flag.or(settings.backup_dir()) {
        return dir.to_owned();
    }
    let file = storage_file(settings).ok();
    let beside = file.as_deref().and_then(Path::parent).map(Path::to_owned);
    beside.unwrap_or_else(data_dir).join("backups")
}
