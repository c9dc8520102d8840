//! The list whose elements have ids: LangGraph's `add_messages`, persistent and without copying.
//!
//! What a list is made of is shared with its predecessors; a step reads and copies only what it changes. How an
//! element is told apart from others is the element's ([`Entry`]) or a marker's ([`Identify`]).

mod batch;
mod body;
mod channel;
mod edit;
mod entry;
mod rebuild;

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;
use std::sync::Arc;

use imbl::{HashMap, Vector};

pub use edit::{Edit, Edits};
pub use entry::{ById, Entry, Identify};

use crate::splice::Splice;

/// A list of elements with ids, cheap to copy.
///
/// The same id is in the list once. Writing [`Edits`] appends elements with new ids, replaces elements with
/// known ids in place and removes elements by id; an element without an id is given one.
///
/// ```
/// use everthread_graph::{Edits, Entry, Keyed, State};
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Note {
///     id: Option<String>,
///     text: String,
/// }
///
/// impl Entry for Note {
///     fn id(&self) -> Option<&str> {
///         self.id.as_deref()
///     }
///     fn set_id(&mut self, id: String) {
///         self.id = Some(id);
///     }
/// }
///
/// #[derive(State)]
/// struct Board {
///     notes: Keyed<Note>,
/// }
///
/// let note = |id: &str, text: &str| Note { id: Some(id.into()), text: text.into() };
/// let mut board = Board::initial();
/// let mut step = everthread_graph::Step::detached();
/// board.apply(Board::update().notes(vec![note("a", "one"), note("b", "two")]), &mut step)?;
/// board.apply(Board::update().notes(Edits::new().remove("a").put(note("b", "2"))), &mut step)?;
/// assert_eq!(board.notes.len(), 1);
/// assert_eq!(board.notes.get("b").map(|note| note.text.as_str()), Some("2"));
/// # Ok::<(), everthread_graph::Error>(())
/// ```
pub struct Keyed<T, I = ById> {
    /// In order of the list, which is the order of `seq`.
    order: Vector<Slot<T>>,
    /// The `seq` of the (last) element with this id.
    index: HashMap<Arc<str>, u64>,
    next: u64,
    /// How the list has changed since the last commit, while that is recorded.
    journal: Option<Arc<Splice<T>>>,
    identify: PhantomData<fn() -> I>,
}

/// An element and the number by which its position is found.
struct Slot<T> {
    seq: u64,
    value: Arc<T>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self {
            seq: self.seq,
            value: self.value.clone(),
        }
    }
}

impl<T, I> Clone for Keyed<T, I> {
    fn clone(&self) -> Self {
        Self {
            order: self.order.clone(),
            index: self.index.clone(),
            next: self.next,
            journal: self.journal.clone(),
            identify: PhantomData,
        }
    }
}

impl<T, I> Default for Keyed<T, I> {
    fn default() -> Self {
        Self {
            order: Vector::new(),
            index: HashMap::new(),
            next: 0,
            journal: None,
            identify: PhantomData,
        }
    }
}

impl<T, I> Keyed<T, I> {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The elements in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<T>> + ExactSizeIterator {
        self.order.iter().map(|slot| &slot.value)
    }

    /// The elements of these positions; positions beyond the end are passed over.
    pub fn range(
        &self,
        range: impl RangeBounds<usize>,
    ) -> impl DoubleEndedIterator<Item = &Arc<T>> + ExactSizeIterator {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let start = match range.start_bound() {
            Included(at) => *at,
            Excluded(at) => at.saturating_add(1),
            Unbounded => 0,
        }
        .min(self.len());
        let end = match range.end_bound() {
            Included(at) => at.saturating_add(1),
            Excluded(at) => *at,
            Unbounded => self.len(),
        }
        .clamp(start, self.len());
        let focus = self.order.focus().narrow(start..end);
        focus.into_iter().map(|slot| &slot.value)
    }

    /// The element at this position.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<&Arc<T>> {
        self.order.get(position).map(|slot| &slot.value)
    }

    /// The first element.
    #[must_use]
    pub fn first(&self) -> Option<&Arc<T>> {
        self.order.front().map(|slot| &slot.value)
    }

    /// The last element.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<T>> {
        self.order.back().map(|slot| &slot.value)
    }

    /// The element with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<T>> {
        self.at(self.position(id)?)
    }

    /// The position of the element with this id.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        let seq = self.index.get(id)?;
        self.order.binary_search_by_key(seq, |slot| slot.seq).ok()
    }

    fn push(&mut self, id: Arc<str>, value: Arc<T>) {
        let seq = self.next;
        self.next += 1;
        self.order.push_back(Slot { seq, value });
        self.index.insert(id, seq);
    }

    fn note(&mut self, splice: Splice<T>) {
        let joined = match self.journal.take() {
            None => splice,
            Some(before) => Arc::unwrap_or_clone(before).then(&splice),
        };
        self.journal = Some(Arc::new(joined));
    }
}

impl<'a, T, I> IntoIterator for &'a Keyed<T, I> {
    type Item = &'a Arc<T>;
    type IntoIter = Box<dyn Iterator<Item = &'a Arc<T>> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl<T: fmt::Debug, I> fmt::Debug for Keyed<T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq, I> PartialEq for Keyed<T, I> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}

#[cfg(test)]
mod tests;
