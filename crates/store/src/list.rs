//! What a list channel is at a checkpoint, and how one step changes it.
//!
//! A list has two lines of numbers: `live`, what the state holds, and `all`, everything that was ever said on this
//! line of history less what a person took back. An element that leaves for [`Removal::Context`] leaves `live` only.

mod edit;
mod stored;
#[cfg(test)]
mod tests;

use everthread_graph::contract::{ListDelta, Removal};

use crate::{Ranges, Splice};

pub use stored::{Chain, ListDamage, StoredList};

/// A list channel at a checkpoint, as numbers of elements in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListState {
    /// What the state holds; `None` when the channel was cleared.
    pub live: Option<Ranges>,
    /// The transcript.
    pub all: Ranges,
}

/// What one step does to a list, as edits of both lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListEdit {
    /// Edits of what the state holds; `None` when the channel is cleared by it.
    pub live: Option<Vec<Splice>>,
    /// Edits of the transcript.
    pub all: Vec<Splice>,
}

/// Why a delta does not fit the list that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// The list has another length.
    #[error("the delta was made for a list of {expected} elements and this one has {found}")]
    Length {
        /// What the delta says.
        expected: u64,
        /// What the list has.
        found: u64,
    },
    /// Its pieces are out of order or out of bounds, or an old position is neither kept nor dropped.
    #[error("the delta's pieces do not cover the list")]
    Pieces,
}

impl ListState {
    /// How many elements the state holds.
    #[must_use]
    pub fn live_len(&self) -> u64 {
        self.live.as_ref().map_or(0, Ranges::len)
    }

    /// What the step does to this list, when its new elements get the numbers from `first_seq` on.
    ///
    /// # Errors
    /// [`DeltaError`] when the delta was made for another list.
    pub fn edit(&self, delta: &ListDelta, first_seq: u64) -> Result<ListEdit, DeltaError> {
        edit::of_delta(self, delta, first_seq)
    }

    /// The edit that takes the value away and leaves the transcript as it is.
    #[must_use]
    pub fn clear() -> ListEdit {
        ListEdit::default()
    }

    /// The list after an edit; `None` when the edit does not fit.
    #[must_use]
    pub fn apply(&self, edit: &ListEdit) -> Option<Self> {
        let empty = Ranges::default();
        let live = match &edit.live {
            Some(edits) => Some(self.live.as_ref().unwrap_or(&empty).splice(edits)?),
            None => None,
        };
        Some(Self {
            live,
            all: self.all.splice(&edit.all)?,
        })
    }
}

/// Whether a person still sees an element that left for this reason.
#[must_use]
fn stays_in_transcript(reason: Removal) -> bool {
    matches!(reason, Removal::Context)
}
