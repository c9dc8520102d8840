//! How much room the disk of the storage has left.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use everthread_server::{Component, Probe, Standing};

/// Below so many bytes the disk will soon be full.
const LOW_BYTES: u64 = 1_000_000_000;
/// Below so many bytes nothing can be relied on.
const NONE_BYTES: u64 = 50_000_000;

/// Looks at the disk of a file.
#[derive(Debug)]
pub(crate) struct DiskProbe(PathBuf);

impl DiskProbe {
    /// The disk on which this file lies.
    pub(crate) fn of(file: &Path) -> Self {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Self(folder.to_owned())
    }
}

#[async_trait]
impl Probe for DiskProbe {
    async fn look(&self) -> Component {
        let room = match rustix::fs::statvfs(&self.0) {
            Ok(room) => room,
            Err(error) => {
                let hint = format!("the disk cannot be looked at: {error}");
                return Component::new("disk", Standing::Degraded).hint(hint);
            }
        };
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        let component = match free {
            ..NONE_BYTES => {
                Component::new("disk", Standing::Failed).hint("the disk is full: free some space")
            }
            NONE_BYTES..LOW_BYTES => Component::new("disk", Standing::Degraded)
                .hint("the disk is nearly full: free some space"),
            _ => Component::new("disk", Standing::Ok),
        };
        let total = room.f_blocks.saturating_mul(room.f_frsize);
        component
            .fact("free_bytes", free)
            .fact("total_bytes", total)
    }
}
