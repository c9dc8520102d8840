//! What the writer does when nobody asks for anything: the search index, and pages that are free.

use std::time::{Duration, Instant};

use everthread_graph::contract::StoreError;

use super::desk::Desk;

/// When derived work is due.
pub(super) struct Derived {
    interval: Duration,
    /// The first write that the index has not seen.
    behind_since: Option<Instant>,
    last_write: Instant,
    /// Pages may be free.
    freed: bool,
}

impl Derived {
    pub(super) fn new(interval: Duration) -> Self {
        let now = Instant::now();
        Self {
            interval,
            // What an earlier process left undone is looked for at once.
            behind_since: Some(now),
            last_write: now,
            freed: true,
        }
    }

    /// Something was written that the index has to see.
    pub(super) fn wrote(&mut self) {
        let now = Instant::now();
        self.behind_since.get_or_insert(now);
        self.last_write = now;
    }

    /// Something was deleted.
    pub(super) fn freed(&mut self) {
        self.freed = true;
    }

    /// How long the writer may sleep; `None` for ever.
    pub(super) fn due_in(&self) -> Option<Duration> {
        if self.behind_since.is_some() || self.freed {
            return Some((self.interval / 5).saturating_sub(self.last_write.elapsed()));
        }
        None
    }

    /// Whether the index is so far behind that it is brought up to date although others wait.
    pub(super) fn is_late(&self) -> bool {
        self.behind_since
            .is_some_and(|since| since.elapsed() >= self.interval * 4 / 5)
    }
}

impl Desk {
    /// One slice of derived work.
    pub(super) fn idle(&mut self) {
        self.derived.behind_since = None;
        self.derived.freed = false;
    }

    /// All derived work that there is.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        self.refresh()
    }

    /// The last things before the connection is closed.
    pub(super) fn finish(&mut self) {}
}
