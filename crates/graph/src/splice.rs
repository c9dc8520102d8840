//! How a list became another, typed: what the contract's `ListDelta` is made of when a step is committed.
//!
//! Several splices in one step are joined into one, so that a commit names positions of its parent only.

use std::ops::Range;
use std::sync::Arc;

use crate::contract::{Dropped, Element, ListDelta, Piece, Removal};

/// A change to a list of `base_len` elements. The rules are those of [`ListDelta`].
#[derive(Debug)]
pub(crate) struct Splice<T> {
    pub(crate) base_len: u32,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) elements: Vec<Arc<T>>,
    pub(crate) dropped: Vec<Dropped>,
}

impl<T> Clone for Splice<T> {
    fn clone(&self) -> Self {
        Self {
            base_len: self.base_len,
            pieces: self.pieces.clone(),
            elements: self.elements.clone(),
            dropped: self.dropped.clone(),
        }
    }
}

/// A length as the contract counts it.
pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).expect("a list holds fewer than 2^32 elements")
}

impl<T> Splice<T> {
    pub(crate) fn append(base_len: usize, elements: Vec<Arc<T>>) -> Self {
        let mut splice = Self::empty(base_len);
        splice.keep(0..count(base_len));
        for element in elements {
            splice.insert(element);
        }
        splice
    }

    pub(crate) fn empty(base_len: usize) -> Self {
        Self {
            base_len: count(base_len),
            pieces: Vec::with_capacity(2),
            elements: Vec::new(),
            dropped: Vec::new(),
        }
    }

    pub(crate) fn keep(&mut self, range: Range<u32>) {
        if range.is_empty() {
            return;
        }
        if let Some(Piece::Keep(last)) = self.pieces.last_mut()
            && last.end == range.start
        {
            last.end = range.end;
            return;
        }
        self.pieces.push(Piece::Keep(range));
    }

    pub(crate) fn insert(&mut self, element: Arc<T>) {
        let at = count(self.elements.len());
        self.elements.push(element);
        if let Some(Piece::New(last)) = self.pieces.last_mut() {
            last.end = at + 1;
        } else {
            self.pieces.push(Piece::New(at..at + 1));
        }
    }

    pub(crate) fn drop_range(&mut self, range: Range<u32>, reason: Removal) {
        if range.is_empty() {
            return;
        }
        if let Some(last) = self.dropped.last_mut()
            && last.reason == reason
            && last.range.end == range.start
        {
            last.range.end = range.end;
            return;
        }
        self.dropped.push(Dropped { range, reason });
    }

    /// This splice and then `next`, which applies to what this one made, as one.
    pub(crate) fn then(self, next: &Self) -> Self {
        let starts = starts(&self.pieces);
        let mut joined = Self::empty(self.base_len as usize);
        for piece in &next.pieces {
            match piece {
                Piece::New(range) => {
                    for at in range.clone() {
                        joined.insert(next.elements[at as usize].clone());
                    }
                }
                Piece::Keep(range) => {
                    each_origin(&self.pieces, &starts, range, |origin| match origin {
                        Piece::Keep(range) => joined.keep(range),
                        Piece::New(range) => {
                            for at in range {
                                joined.insert(self.elements[at as usize].clone());
                            }
                        }
                    });
                }
            }
        }
        let mut dropped = self.dropped;
        for Dropped { range, reason } in &next.dropped {
            each_origin(&self.pieces, &starts, range, |origin| {
                // A new element that goes again in the same step was never stored.
                if let Piece::Keep(range) = origin {
                    dropped.push(Dropped {
                        range,
                        reason: *reason,
                    });
                }
            });
        }
        dropped.sort_by_key(|dropped| dropped.range.start);
        for Dropped { range, reason } in dropped {
            joined.drop_range(range, reason);
        }
        joined
    }

    /// Whether a new element is in this range of the list that the splice makes.
    pub(crate) fn has_new_in(&self, range: &Range<u32>) -> bool {
        let mut found = false;
        each_origin(&self.pieces, &starts(&self.pieces), range, |origin| {
            found |= matches!(origin, Piece::New(part) if !part.is_empty());
        });
        found
    }

    /// Whether the list is what it was.
    pub(crate) fn is_nothing(&self) -> bool {
        self.elements.is_empty() && self.dropped.is_empty()
    }

    pub(crate) fn into_delta<E>(
        self,
        element: impl Fn(&T) -> Result<Element, E>,
    ) -> Result<ListDelta, E> {
        Ok(ListDelta {
            base_len: self.base_len,
            pieces: self.pieces,
            elements: self
                .elements
                .iter()
                .map(|value| element(value))
                .collect::<Result<_, _>>()?,
            dropped: self.dropped,
        })
    }
}

/// Where each piece begins in the list that the pieces make.
fn starts(pieces: &[Piece]) -> Vec<u32> {
    let mut at = 0;
    pieces
        .iter()
        .map(|piece| {
            let (Piece::Keep(range) | Piece::New(range)) = piece;
            let start = at;
            at += range.end - range.start;
            start
        })
        .collect()
}

/// Calls `each` with the parts of `pieces` that make this range of their list.
fn each_origin(pieces: &[Piece], starts: &[u32], range: &Range<u32>, mut each: impl FnMut(Piece)) {
    let first = starts.partition_point(|start| *start <= range.start).max(1) - 1;
    for (piece, start) in pieces.iter().zip(starts).skip(first) {
        if *start >= range.end {
            break;
        }
        let part = |origin: &Range<u32>| {
            let from = range.start.max(*start) - start;
            let to = (range.end - start).min(origin.end - origin.start);
            origin.start + from..origin.start + to.max(from)
        };
        match piece {
            Piece::Keep(origin) => each(Piece::Keep(part(origin))),
            Piece::New(origin) => each(Piece::New(part(origin))),
        }
    }
}
