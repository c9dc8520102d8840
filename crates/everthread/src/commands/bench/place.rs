//! Where a benchmark writes: a file or a schema of its own, so that nobody's conversations are touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everthread_sqlite::{Location, SqliteOptions};
use everthread_store::Store;
use tempfile::TempDir;

use crate::failure::{Exit, Failure};
use crate::wiring::Storage;

/// A storage of the benchmark's own. A file that nobody named goes away with this value.
pub(super) struct Place {
    storage: Storage,
    _folder: Option<TempDir>,
}

impl Place {
    /// The named storage, or a temporary file in the current folder.
    pub(super) fn new(storage: Option<&str>) -> Result<Self, Failure> {
        match storage {
            Some(url) => Ok(Self {
                storage: Storage::named(url)?,
                _folder: None,
            }),
            None => {
                let folder = tempfile::Builder::new()
                    .prefix("everthread-bench-")
                    .tempdir_in(".")?;
                let options = SqliteOptions::at(folder.path().join("bench.db"));
                Ok(Self {
                    storage: Storage::Sqlite(options),
                    _folder: Some(folder),
                })
            }
        }
    }

    /// The same, in which nobody has talked yet.
    ///
    /// # Errors
    /// `Conflict` for a file that is there, and for a schema with users.
    pub(super) async fn fresh(storage: Option<&str>) -> Result<Self, Failure> {
        let place = Self::new(storage)?;
        if place.exists().await? {
            return Err(Failure::new(
                Exit::Conflict,
                format!(
                    "{} is there already; a benchmark wants a file or a schema of its own",
                    place.name()
                ),
            ));
        }
        Ok(place)
    }

    /// Whether somebody has written here.
    pub(super) async fn exists(&self) -> Result<bool, Failure> {
        match &self.storage {
            Storage::Sqlite(_) => Ok(self.path().is_some_and(Path::exists)),
            Storage::Postgres(_) => {
                let store = self.open().await?;
                let users = store.stats().await?.users;
                store.close().await?;
                Ok(users > 0)
            }
        }
    }

    /// Opens the store.
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        self.storage.clone().open().await
    }

    /// The storage, for the report.
    pub(super) fn name(&self) -> String {
        match &self.storage {
            Storage::Sqlite(options) => match &options.location {
                Location::File(path) => format!("sqlite:{}", path.display()),
                Location::Memory => "sqlite::memory:".into(),
            },
            Storage::Postgres(options) => options.describe(),
        }
    }

    /// Bytes of the file and its log; `None` for a database server, whose store knows them.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        let Storage::Sqlite(_) = self.storage else {
            return None;
        };
        let path = self.path()?;
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |data| data.len());
        let log = PathBuf::from(format!("{}-wal", path.display()));
        Some(size(path.to_owned()) + size(log))
    }

    fn path(&self) -> Option<&Path> {
        match &self.storage {
            Storage::Sqlite(options) => match &options.location {
                Location::File(path) => Some(path),
                Location::Memory => None,
            },
            Storage::Postgres(_) => None,
        }
    }
}
