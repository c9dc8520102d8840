//! `--mix`: what the workers of a load do, and how often.

use std::fmt;
use std::str::FromStr;

/// How often each thing is done, as shares of all: `turns=70,reads=20,searches=5,new=5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mix {
    /// Messages that are said.
    pub(crate) turns: u32,
    /// States of conversations that are read.
    pub(crate) reads: u32,
    /// Searches through a user's conversations.
    pub(crate) searches: u32,
    /// Threads that are made and stay empty.
    pub(crate) new: u32,
}

impl Mix {
    /// Turns alone.
    pub(crate) const TURNS: Self = Self {
        turns: 1,
        reads: 0,
        searches: 0,
        new: 0,
    };

    /// A day of a chat service.
    pub(crate) const MIXED: Self = Self {
        turns: 70,
        reads: 20,
        searches: 5,
        new: 5,
    };
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            turns,
            reads,
            searches,
            new,
        } = self;
        write!(
            f,
            "turns={turns},reads={reads},searches={searches},new={new}"
        )
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut mix = Self {
            turns: 0,
            ..Self::TURNS
        };
        for part in text.split(',') {
            let share = part.split_once('=').and_then(|(name, share)| {
                let share = share
                    .trim()
                    .parse::<u32>()
                    .ok()
                    .filter(|share| *share <= 1_000_000)?;
                Some((name.trim(), share))
            });
            match share {
                Some(("turns", share)) => mix.turns = share,
                Some(("reads", share)) => mix.reads = share,
                Some(("searches", share)) => mix.searches = share,
                Some(("new", share)) => mix.new = share,
                _ => {
                    return Err(format!(
                        "{part:?} is none of turns=N, reads=N, searches=N and new=N"
                    ));
                }
            }
        }
        if mix.turns == 0 {
            return Err("a load without turns says nothing: give them a share".to_owned());
        }
        Ok(mix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_as_it_is_written() {
        assert_eq!(Mix::MIXED.to_string().parse(), Ok(Mix::MIXED));
        assert_eq!(
            "turns=3".parse(),
            Ok(Mix {
                turns: 3,
                ..Mix::TURNS
            })
        );
        for wrong in ["", "reads=1", "turns=x", "turns=1,writes=2", "turns"] {
            assert!(wrong.parse::<Mix>().is_err(), "{wrong}");
        }
    }
}
