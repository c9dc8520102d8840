//! The list to which elements are appended, persistent and without copying.

use std::fmt;
use std::sync::Arc;

use imbl::Vector;
use serde_json::value::RawValue;

use crate::contract::{Change, ChannelValue, Element, Json, Removal};
use crate::error::{Error, ErrorKind};
use crate::splice::{Splice, count};
use crate::state::{Channel, ChannelKind, Overwrite, Step, Value, overwrite_of, same};

/// A list of elements without ids, cheap to copy. What is written to it is appended; [`Overwrite`] replaces the
/// whole list.
pub struct List<T> {
    order: Vector<Arc<T>>,
    /// How the list has changed since the last commit, while that is recorded.
    journal: Option<Arc<Splice<T>>>,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self {
            order: self.order.clone(),
            journal: self.journal.clone(),
        }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            order: Vector::new(),
            journal: None,
        }
    }
}

impl<T> List<T> {
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
        self.order.iter()
    }

    /// The element at this position.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<&Arc<T>> {
        self.order.get(position)
    }

    /// The last element.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<T>> {
        self.order.back()
    }

    fn note(&mut self, splice: Splice<T>) {
        let joined = match self.journal.take() {
            None => splice,
            Some(before) => Arc::unwrap_or_clone(before).then(&splice),
        };
        self.journal = Some(Arc::new(joined));
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}

/// What is written to a [`List`]: one element, several, or an [`Overwrite`] of a vector.
#[derive(Debug)]
pub struct Additions<T> {
    overwrite: bool,
    elements: Vec<Arc<T>>,
}

impl<T> Clone for Additions<T> {
    fn clone(&self) -> Self {
        Self {
            overwrite: self.overwrite,
            elements: self.elements.clone(),
        }
    }
}

impl<T> From<T> for Additions<T> {
    fn from(value: T) -> Self {
        vec![value].into()
    }
}

impl<T> From<Vec<T>> for Additions<T> {
    fn from(values: Vec<T>) -> Self {
        Self {
            overwrite: false,
            elements: values.into_iter().map(Arc::new).collect(),
        }
    }
}

impl<T, const N: usize> From<[T; N]> for Additions<T> {
    fn from(values: [T; N]) -> Self {
        Vec::from(values).into()
    }
}

impl<T> From<Overwrite<Vec<T>>> for Additions<T> {
    fn from(Overwrite(values): Overwrite<Vec<T>>) -> Self {
        Self {
            overwrite: true,
            ..values.into()
        }
    }
}

impl<T: Value> Channel for List<T> {
    const KIND: ChannelKind = ChannelKind::List;
    type Value = Self;
    type Write = Additions<T>;

    fn merge(earlier: &mut Additions<T>, later: Additions<T>) {
        if later.overwrite {
            *earlier = later;
        } else {
            earlier.elements.extend(later.elements);
        }
    }

    fn apply(
        value: &mut Self,
        write: Additions<T>,
        step: &mut Step<'_>,
        (at, name): (usize, &'static str),
    ) -> Result<(), Error> {
        step.mark_written(at);
        if step.is_overwritten(at) && !write.overwrite {
            return Ok(());
        }
        if write.overwrite {
            if !step.mark_overwritten(at) {
                return Err(Error::new(
                    ErrorKind::InvalidUpdate,
                    format!("channel {name:?} was overwritten twice in one step"),
                ));
            }
            if step.record {
                let mut cleared = Splice::empty(value.len());
                cleared.drop_range(0..count(value.len()), Removal::Replaced);
                value.note(cleared);
            }
            value.order = Vector::new();
        }
        if step.record {
            value.note(Splice::append(value.len(), write.elements.clone()));
        }
        value.order.extend(write.elements);
        Ok(())
    }

    fn settle(
        value: &mut Self,
        _base: &Self,
        _written: bool,
        record: bool,
    ) -> serde_json::Result<Option<Change>> {
        match value.journal.take() {
            Some(journal) if record && !journal.is_nothing() => {
                let delta = Arc::unwrap_or_clone(journal)
                    .into_delta(|value| Json::of(value).map(|body| Element { id: None, body }))?;
                Ok(Some(Change::List(delta)))
            }
            _ => Ok(None),
        }
    }

    fn load(stored: &ChannelValue) -> serde_json::Result<Option<Self>> {
        let ChannelValue::List(elements) = stored else {
            return Err(serde::de::Error::custom("a value is stored, not a list"));
        };
        let order = elements
            .iter()
            .map(|element| element.body.read().map(Arc::new));
        Ok(Some(Self {
            order: order.collect::<Result<_, _>>()?,
            journal: None,
        }))
    }

    fn diff(value: &Self, base: &Self) -> Option<Additions<T>> {
        if value.order.ptr_eq(&base.order) {
            return None;
        }
        let extends = value.len() >= base.len()
            && value
                .iter()
                .zip(base.iter())
                .all(|(new, old)| Arc::ptr_eq(new, old) || same(&**new, &**old));
        let elements = value.iter().skip(if extends { base.len() } else { 0 });
        Some(Additions {
            overwrite: !extends,
            elements: elements.cloned().collect(),
        })
    }

    fn show(value: &Self) -> serde_json::Result<Option<String>> {
        elements_to_json(value.iter()).map(Some)
    }

    fn write_to_json(write: &Additions<T>) -> serde_json::Result<String> {
        let list = elements_to_json(write.elements.iter())?;
        Ok(if write.overwrite {
            format!(r#"{{"__overwrite__":{list}}}"#)
        } else {
            list
        })
    }

    fn write_from_json(json: &str) -> serde_json::Result<Additions<T>> {
        let (overwrite, list) = match overwrite_of(json) {
            Some(list) => (true, list),
            None => (false, json),
        };
        let elements: Vec<&RawValue> = serde_json::from_str(list)?;
        let elements = elements
            .into_iter()
            .map(|text| serde_json::from_str(text.get()).map(Arc::new));
        Ok(Additions {
            overwrite,
            elements: elements.collect::<Result<_, _>>()?,
        })
    }
}

fn elements_to_json<'a, T: Value>(
    elements: impl Iterator<Item = &'a Arc<T>>,
) -> serde_json::Result<String> {
    let texts = elements.map(|value| serde_json::to_string(&**value));
    Ok(format!(
        "[{}]",
        texts.collect::<Result<Vec<_>, _>>()?.join(",")
    ))
}
