//! The scripts that a scripted model can follow.

use std::fmt;
use std::str::FromStr;

/// What a scripted model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Script {
    /// Answers at once with 200 characters that repeat the question.
    Echo,
    /// Says the same at 50 tokens (words) a second.
    Slow,
    /// Answers at once with the next of 997 distinct texts of 200 characters, for benchmarks that store them.
    Words,
    /// Always fails as if it were not available, which may be retried.
    Fail,
    /// Fails so the first time, then echoes.
    FailOnce,
    /// Says half of its reply, then breaks off.
    FailMidway,
    /// Never answers.
    Hang,
    /// Calls each tool that it is offered, with the question as `text`; echoes a tool's answer, and where there is
    /// no tool.
    Tools,
}

impl Script {
    /// Every script, in the order in which help lists them.
    pub const ALL: [Self; 8] = [
        Self::Echo,
        Self::Slow,
        Self::Words,
        Self::Fail,
        Self::FailOnce,
        Self::FailMidway,
        Self::Hang,
        Self::Tools,
    ];

    /// The script's name after `scripted:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Slow => "slow",
            Self::Words => "words",
            Self::Fail => "fail",
            Self::FailOnce => "fail-once",
            Self::FailMidway => "fail-midway",
            Self::Hang => "hang",
            Self::Tools => "tools",
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Script {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|script| script.as_str() == name)
            .ok_or(())
    }
}
