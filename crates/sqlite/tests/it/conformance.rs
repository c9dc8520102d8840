//! The cases that every store passes.

use std::sync::Arc;

use async_trait::async_trait;
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use everthread_store::conformance::Factory;
use tempfile::TempDir;

/// A file in a folder of its own.
pub(crate) struct FileFactory {
    dir: TempDir,
}

impl FileFactory {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    pub(crate) fn options(&self) -> SqliteOptions {
        SqliteOptions::at(self.dir.path().join("chat.db"))
    }
}

#[async_trait]
impl Factory for FileFactory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.options()).unwrap())
    }
}

everthread_store::conformance_tests!(FileFactory::new());
