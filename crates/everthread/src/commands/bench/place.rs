//! Where a benchmark writes: a new file of its own, so that nobody's conversations are touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everthread_sqlite::{Location, SqliteOptions, SqliteStore};
use everthread_store::Store;
use tempfile::TempDir;

use crate::failure::{Exit, Failure};

/// A database file of the benchmark's own. One that nobody named goes away with this value.
pub(super) struct Place {
    options: SqliteOptions,
    _folder: Option<TempDir>,
}

impl Place {
    /// The named storage, or a temporary file in the current folder.
    pub(super) fn new(storage: Option<&str>) -> Result<Self, Failure> {
        match storage {
            Some(url) => Ok(Self {
                options: SqliteOptions::from_url(url)?,
                _folder: None,
            }),
            None => {
                let folder = tempfile::Builder::new()
                    .prefix("everthread-bench-")
                    .tempdir_in(".")?;
                Ok(Self {
                    options: SqliteOptions::at(folder.path().join("bench.db")),
                    _folder: Some(folder),
                })
            }
        }
    }

    /// The same, which must not be there yet.
    pub(super) fn fresh(storage: Option<&str>) -> Result<Self, Failure> {
        let place = Self::new(storage)?;
        if place.exists() {
            return Err(Failure::new(
                Exit::Conflict,
                format!(
                    "{} is there already; a benchmark wants a file of its own",
                    place.name()
                ),
            ));
        }
        Ok(place)
    }

    /// Whether the file is there.
    pub(super) fn exists(&self) -> bool {
        self.path().is_some_and(Path::exists)
    }

    /// Opens the store.
    pub(super) fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(Arc::new(SqliteStore::open(self.options.clone())?))
    }

    /// The storage, for the report.
    pub(super) fn name(&self) -> String {
        match &self.options.location {
            Location::File(path) => format!("sqlite:{}", path.display()),
            Location::Memory => "sqlite::memory:".into(),
        }
    }

    /// Bytes of the file and its log.
    pub(super) fn file_bytes(&self) -> u64 {
        let Some(path) = self.path() else { return 0 };
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |data| data.len());
        size(path.to_owned()) + size(PathBuf::from(format!("{}-wal", path.display())))
    }

    fn path(&self) -> Option<&Path> {
        match &self.options.location {
            Location::File(path) => Some(path),
            Location::Memory => None,
        }
    }
}
