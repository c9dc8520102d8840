//! What can be said of a store's file from outside.

use std::path::{Path, PathBuf};

use crate::SqliteStore;
use crate::owner;

impl SqliteStore {
    /// Whether any process, this one included, has the store in this file open.
    #[must_use]
    pub fn is_open(path: &Path) -> bool {
        owner::is_open(path)
    }

    /// Files that belong to the one of a store while it is open: its log and the index of that.
    #[must_use]
    pub fn files_beside(path: &Path) -> Vec<PathBuf> {
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        vec![beside("-wal"), beside("-shm"), beside("-journal")]
    }
}
