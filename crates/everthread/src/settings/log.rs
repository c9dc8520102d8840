//! `[log]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log of the server.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,everthread_sqlite=debug`.
    pub(crate) level: String,
    /// How a line looks: `human`, `json`, or `auto` for lines for people on a terminal and JSON elsewhere.
    pub(crate) format: LogFormat,
    /// A file that is written besides stderr, always as JSON; none by default. The date is added to its name.
    pub(crate) file: Option<PathBuf>,
    /// When a new file begins: `hourly`, `daily` or `never`.
    pub(crate) rotate: LogRotation,
    /// A file that has come to so many mebibytes gets a number, and a new one begins; 0 for any size.
    pub(crate) max_mib: u64,
    /// How many files are kept; older ones are deleted.
    pub(crate) keep: usize,
    /// Whether the text of messages is logged too. For debugging only: a log is read by more people than a
    /// conversation.
    pub(crate) messages: bool,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object.
    Json,
}

/// When a new file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogRotation {
    /// Each hour.
    Hourly,
    /// Each day.
    Daily,
    /// Never.
    Never,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Auto,
            file: None,
            rotate: LogRotation::Daily,
            max_mib: 100,
            keep: 7,
            messages: false,
        }
    }
}
