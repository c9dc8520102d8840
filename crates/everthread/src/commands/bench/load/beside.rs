//! What is done beside the turns, in even shares.

use crate::cli::Mix;

/// Something beside a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Beside {
    /// The state of a conversation is read.
    Read,
    /// A user searches in what was said.
    Search,
    /// A thread is made.
    New,
}

impl Beside {
    /// What so many of it are called in the report.
    pub(super) fn counted(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Search => "searches",
            Self::New => "new_threads",
        }
    }

    /// What its times are called there.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::New => "new",
        }
    }
}

/// Deals out what is due.
#[derive(Debug)]
pub(super) struct Dealer {
    turns: u64,
    /// The share of turns.
    of: u64,
    /// What there is, its share, and how much of it was dealt.
    rest: [(Beside, u64, u64); 3],
}

impl Dealer {
    /// For these shares.
    pub(super) fn new(mix: Mix) -> Self {
        let share = |what, share| (what, u64::from(share), 0);
        Self {
            turns: 0,
            of: u64::from(mix.turns),
            rest: [
                share(Beside::Read, mix.reads),
                share(Beside::Search, mix.searches),
                share(Beside::New, mix.new),
            ],
        }
    }

    /// A turn was done: what is due after it.
    pub(super) fn after_turn(&mut self) -> Vec<Beside> {
        self.turns += 1;
        let mut due = Vec::new();
        for (what, share, dealt) in &mut self.rest {
            while *dealt < self.turns * *share / self.of {
                *dealt += 1;
                due.push(*what);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept() {
        let mut dealer = Dealer::new(Mix::MIXED);
        let due: Vec<_> = (0..140).flat_map(|_| dealer.after_turn()).collect();
        let count = |what| due.iter().filter(|one| **one == what).count();
        let counts = (
            count(Beside::Read),
            count(Beside::Search),
            count(Beside::New),
        );
        assert_eq!(counts, (40, 10, 10));
        let mut turns = Dealer::new(Mix::TURNS);
        assert!((0..100).all(|_| turns.after_turn().is_empty()));
    }
}
