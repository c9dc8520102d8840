//! How a store in a file is opened, which only the one who puts everything together knows.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use everthread_store::{Store, StoreError};

/// Opens stores that are kept in one file each.
#[async_trait]
pub trait Opener: Send + Sync {
    /// Opens the store in this file, which is created when it is not there.
    ///
    /// # Errors
    /// As the store says.
    async fn open(&self, path: &Path) -> Result<Arc<dyn Store>, StoreError>;

    /// Whether a process has the store in this file open.
    fn is_open(&self, path: &Path) -> bool;

    /// Files that belong to the one of a store: its log, for instance.
    fn beside(&self, path: &Path) -> Vec<std::path::PathBuf>;
}
