//! `[retention]` and `[upkeep]`

use std::time::Duration;

use everthread_store::retention::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long conversations are kept.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RetentionSettings {
    /// Conversations that have not changed for so many days are deleted; by default they stay for ever.
    idle_days: Option<u32>,
    /// Conversations that were begun more than so many days ago are deleted, however new their last message is; by
    /// default they stay for ever.
    max_age_days: Option<u32>,
    /// Of each conversation the newest so many checkpoints of each line stay, and all messages; by default all stay.
    keep_checkpoints: Option<u32>,
    /// How often a server looks, in minutes.
    every_min: u32,
}

impl RetentionSettings {
    pub(super) fn policy(&self) -> Policy {
        Policy {
            max_age_days: self.max_age_days,
            idle_days: self.idle_days,
            keep_checkpoints: self.keep_checkpoints,
        }
    }

    pub(super) fn every(&self) -> Duration {
        Duration::from_secs(u64::from(self.every_min.max(1)) * 60)
    }
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            idle_days: None,
            max_age_days: None,
            keep_checkpoints: None,
            every_min: 60,
        }
    }
}

/// What keeps the storage quick and small.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct UpkeepSettings {
    /// A server tends the storage when that was done so many hours ago and nothing goes on; 0 for never.
    every_h: u32,
}

impl UpkeepSettings {
    pub(super) fn every(&self) -> Option<Duration> {
        (self.every_h > 0).then(|| Duration::from_secs(u64::from(self.every_h) * 60 * 60))
    }
}

impl Default for UpkeepSettings {
    fn default() -> Self {
        Self { every_h: 24 }
    }
}
