//! Which events a reader wants.

use std::ops::BitOr;

/// Stream modes, joined with `|`. The names are LangGraph's; `debug` is `CHECKPOINTS | TASKS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamModes(u8);

impl StreamModes {
    /// No event.
    pub const NONE: Self = Self(0);
    /// The whole state after the input and after each step.
    pub const VALUES: Self = Self(1);
    /// What each task wrote.
    pub const UPDATES: Self = Self(2);
    /// Pieces of messages, as models write them.
    pub const MESSAGES: Self = Self(4);
    /// What nodes send.
    pub const CUSTOM: Self = Self(8);
    /// Each checkpoint.
    pub const CHECKPOINTS: Self = Self(16);
    /// Beginning and end of each task.
    pub const TASKS: Self = Self(32);
    /// Checkpoints and tasks.
    pub const DEBUG: Self = Self(16 | 32);

    /// Whether any of these modes is among them.
    #[must_use]
    pub fn any_of(self, modes: Self) -> bool {
        self.0 & modes.0 != 0
    }

    /// The mode of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "values" => Self::VALUES,
            "updates" => Self::UPDATES,
            "messages" => Self::MESSAGES,
            "custom" => Self::CUSTOM,
            "checkpoints" => Self::CHECKPOINTS,
            "tasks" => Self::TASKS,
            "debug" => Self::DEBUG,
            _ => return None,
        })
    }
}

impl BitOr for StreamModes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
