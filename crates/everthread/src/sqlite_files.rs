//! SQLite files for backups: how one is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use everthread_backup::Opener;
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::{Store, StoreError};

/// Opens SQLite files, for [`backup`](crate::backup) to verify and restore with.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqliteFiles;

#[async_trait]
impl Opener for SqliteFiles {
    async fn open(&self, path: &Path) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(SqliteStore::open(SqliteOptions::at(path))?))
    }

    fn is_open(&self, path: &Path) -> bool {
        SqliteStore::is_open(path)
    }

    fn beside(&self, path: &Path) -> Vec<PathBuf> {
        SqliteStore::files_beside(path)
    }
}
