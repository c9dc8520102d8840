//! `[backup]`

use std::path::PathBuf;

use everthread_backup::KeepRules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where backups are, and which stay.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BackupSettings {
    /// The folder of the backups; by default `backups` beside the storage.
    pub(super) dir: Option<PathBuf>,
    /// A server makes an archive of everything when the newest is so many hours old; 0 for never.
    every_h: u32,
    /// Whether it restores each to scratch and compares.
    verify: bool,
    /// Keep the newest so many when backups are pruned.
    keep_last: usize,
    /// Keep the newest of each of the last so many days (in UTC) when backups are pruned.
    keep_daily: usize,
}

impl BackupSettings {
    /// Hours between two backups of a server, and whether each is verified; `None` for no backups.
    pub(super) fn schedule(&self) -> Option<(u32, bool)> {
        (self.every_h > 0).then_some((self.every_h, self.verify))
    }

    pub(super) fn rules(&self) -> KeepRules {
        KeepRules {
            last: self.keep_last,
            daily: self.keep_daily,
        }
    }
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            dir: None,
            every_h: 0,
            verify: true,
            keep_last: 7,
            keep_daily: 30,
        }
    }
}
