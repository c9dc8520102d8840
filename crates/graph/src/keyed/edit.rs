//! What is written to a keyed list.

use std::sync::Arc;

/// One edit of a keyed list.
#[derive(Debug)]
pub enum Edit<T> {
    /// Appends the element, or puts it in the place of the one with its id.
    Put(Arc<T>),
    /// Removes the element with this id; it must be there or be put earlier in the same batch.
    Remove(String),
    /// Removes every element, and forgets what the batch did before.
    RemoveAll,
}

impl<T> Clone for Edit<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Put(value) => Self::Put(value.clone()),
            Self::Remove(id) => Self::Remove(id.clone()),
            Self::RemoveAll => Self::RemoveAll,
        }
    }
}

impl<T> Edit<T> {
    /// Appends or replaces this element.
    pub fn put(value: impl Into<Arc<T>>) -> Self {
        Self::Put(value.into())
    }

    /// Removes the element with this id.
    pub fn remove(id: impl Into<String>) -> Self {
        Self::Remove(id.into())
    }
}

/// A batch of edits, in order. Made of an element, of several, or of [`Edit`]s.
#[derive(Debug)]
pub struct Edits<T>(pub(super) Vec<Edit<T>>);

impl<T> Clone for Edits<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Edits<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Edits<T> {
    /// No edit yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Then appends or replaces this element.
    #[must_use]
    pub fn put(mut self, value: impl Into<Arc<T>>) -> Self {
        self.0.push(Edit::put(value));
        self
    }

    /// Then removes the element with this id.
    #[must_use]
    pub fn remove(mut self, id: impl Into<String>) -> Self {
        self.0.push(Edit::remove(id));
        self
    }

    /// Removes every element, and forgets the edits before.
    #[must_use]
    pub fn remove_all(mut self) -> Self {
        self.0.push(Edit::RemoveAll);
        self
    }

    /// The edits in order.
    pub fn iter(&self) -> impl Iterator<Item = &Edit<T>> {
        self.0.iter()
    }
}

impl<T> From<T> for Edits<T> {
    fn from(value: T) -> Self {
        Self(vec![Edit::put(value)])
    }
}

impl<T> From<Arc<T>> for Edits<T> {
    fn from(value: Arc<T>) -> Self {
        Self(vec![Edit::Put(value)])
    }
}

impl<T> From<Vec<T>> for Edits<T> {
    fn from(values: Vec<T>) -> Self {
        Self(values.into_iter().map(Edit::put).collect())
    }
}

impl<T> From<Vec<Arc<T>>> for Edits<T> {
    fn from(values: Vec<Arc<T>>) -> Self {
        Self(values.into_iter().map(Edit::Put).collect())
    }
}

impl<T, const N: usize> From<[T; N]> for Edits<T> {
    fn from(values: [T; N]) -> Self {
        Self(values.into_iter().map(Edit::put).collect())
    }
}

impl<T> From<Edit<T>> for Edits<T> {
    fn from(edit: Edit<T>) -> Self {
        Self(vec![edit])
    }
}

impl<T> From<Vec<Edit<T>>> for Edits<T> {
    fn from(edits: Vec<Edit<T>>) -> Self {
        Self(edits)
    }
}

impl<T, const N: usize> From<[Edit<T>; N]> for Edits<T> {
    fn from(edits: [Edit<T>; N]) -> Self {
        Self(edits.into())
    }
}

impl<T> FromIterator<Edit<T>> for Edits<T> {
    fn from_iter<E: IntoIterator<Item = Edit<T>>>(edits: E) -> Self {
        Self(edits.into_iter().collect())
    }
}
