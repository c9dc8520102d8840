//! How much a state holds, told from what was loaded and from what its steps changed.

use std::sync::Arc;

use crate::contract::{Change, ChannelChange, ChannelValue, Element, ListDelta};

/// Bytes of JSON in each channel. Of a list that lost elements it is an estimate: the rest keeps its share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sizes(Vec<(Arc<str>, usize)>);

impl Sizes {
    pub(crate) fn of(channels: &[(Arc<str>, ChannelValue)]) -> Self {
        let size = |value: &ChannelValue| match value {
            ChannelValue::Value(json) => json.as_str().len(),
            ChannelValue::List(elements) => bytes(elements),
        };
        let sizes = channels
            .iter()
            .map(|(channel, value)| (channel.clone(), size(value)));
        Self(sizes.collect())
    }

    pub(crate) fn take(&mut self, changes: &[ChannelChange]) {
        for ChannelChange { channel, change } in changes {
            let size = match self.0.iter_mut().find(|(known, _)| known == channel) {
                Some((_, size)) => size,
                None => {
                    self.0.push((channel.clone(), 0));
                    let (_, size) = self.0.last_mut().expect("it was pushed");
                    size
                }
            };
            *size = match change {
                Change::Set(json) => json.as_str().len(),
                Change::Clear => 0,
                Change::List(delta) => kept(*size, delta) + bytes(&delta.elements),
            };
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.0.iter().map(|(_, size)| size).sum()
    }
}

fn bytes(elements: &[Element]) -> usize {
    let of = |element: &Element| {
        element.body.as_str().len() + element.id.as_ref().map_or(0, |id| id.len())
    };
    elements.iter().map(of).sum()
}

/// What stays of a list of this size.
fn kept(size: usize, delta: &ListDelta) -> usize {
    let old = delta.base_len as usize;
    let left = (delta.len() - delta.elements.len().min(delta.len())).min(old);
    if left == old {
        return size;
    }
    // Both are far below 2^32, so that the product has room.
    size * left / old.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Dropped, Json, Piece, Removal};

    fn elements(count: usize) -> Vec<Element> {
        let body = Json::parse("\"12345678\"").expect("it is JSON");
        vec![Element { id: None, body }; count]
    }

    fn list(delta: ListDelta) -> ChannelChange {
        ChannelChange {
            channel: "messages".into(),
            change: Change::List(delta),
        }
    }

    #[test]
    fn a_list_grows_by_what_is_added_and_shrinks_by_its_share() {
        let mut sizes = Sizes::of(&[("messages".into(), ChannelValue::List(elements(4)))]);
        assert_eq!(sizes.total(), 40);
        sizes.take(&[list(ListDelta::append(4, elements(2)))]);
        assert_eq!(sizes.total(), 60);
        sizes.take(&[list(ListDelta {
            base_len: 6,
            pieces: vec![Piece::Keep(4..6)],
            elements: Vec::new(),
            dropped: vec![Dropped {
                range: 0..4,
                reason: Removal::Context,
            }],
        })]);
        assert_eq!(sizes.total(), 20);
    }

    #[test]
    fn a_value_counts_as_it_is_now() {
        let mut sizes = Sizes::default();
        let set = |text: &str| ChannelChange {
            channel: "summary".into(),
            change: Change::Set(Json::parse(text).expect("it is JSON")),
        };
        sizes.take(&[set("\"a long summary\"")]);
        sizes.take(&[set("1")]);
        assert_eq!(sizes.total(), 1);
        sizes.take(&[ChannelChange {
            channel: "summary".into(),
            change: Change::Clear,
        }]);
        assert_eq!(sizes.total(), 0);
    }
}
