//! What one step does to one channel.
//!
//! A plain channel is replaced as a whole. A list channel (`List`, `Keyed`) says how the new list is made of the
//! old one: which stretches stay and which elements are new. Positions are those of the old list, so that the
//! engine needs to know nothing of how a store numbers elements, and a store nothing of reducers.

use std::ops::Range;
use std::sync::Arc;

use super::Json;

/// A change to the channel of this name.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelChange {
    /// The channel's name: the field of the state.
    pub channel: Arc<str>,
    /// What happens to it.
    pub change: Change,
}

/// What happens to one channel in one step, relative to the commit's parent checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The channel now has this value.
    Set(Json),
    /// The channel has no value any more.
    Clear,
    /// The list is made anew from stretches of the old one and from new elements.
    List(ListDelta),
}

/// How a list is made of its predecessor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListDelta {
    /// Length of the list that this delta applies to (0 when the channel had no value): a store refuses the
    /// commit as corrupt when its own list has another length.
    pub base_len: u32,
    /// The new list, in order. Kept stretches are ascending and do not overlap.
    pub pieces: Vec<Piece>,
    /// The new elements, in the order in which the pieces name them. Each is stored once.
    pub elements: Vec<Element>,
    /// What became of every old position that no piece keeps, ascending.
    pub dropped: Vec<Dropped>,
}

/// One stretch of a new list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These positions of the old list.
    Keep(Range<u32>),
    /// These of the delta's new elements (positions in [`ListDelta::elements`]).
    New(Range<u32>),
}

/// Old positions that left the list, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Positions of the old list.
    pub range: Range<u32>,
    /// Why they left.
    pub reason: Removal,
}

/// Why an element left a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The model needs it no longer (a summary stands for it). The person who wrote it still sees it.
    Context,
    /// A person asked for it to go: it leaves the transcript too.
    User,
    /// A new element with the same id took its place, in the transcript too.
    Replaced,
    /// The run that wrote it was rolled back.
    Rollback,
}

/// One element of a list channel: a message, for the channel `messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The element's id; `None` in lists whose elements have none.
    pub id: Option<Arc<str>>,
    /// The element without its id.
    pub body: Json,
}

impl ListDelta {
    /// The delta that appends `elements` to a list of `base_len`.
    #[must_use]
    pub fn append(base_len: u32, elements: Vec<Element>) -> Self {
        let new = u32::try_from(elements.len()).expect("a step adds fewer than 2^32 elements");
        let mut pieces = Vec::with_capacity(2);
        if base_len > 0 {
            pieces.push(Piece::Keep(0..base_len));
        }
        if new > 0 {
            pieces.push(Piece::New(0..new));
        }
        Self {
            base_len,
            pieces,
            elements,
            dropped: Vec::new(),
        }
    }

    /// Length of the list that results.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Keep(range) | Piece::New(range) => range.len(),
            })
            .sum()
    }

    /// Whether the list that results is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
