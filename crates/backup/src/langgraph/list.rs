//! A list of messages at a checkpoint, held against the one before: what stayed, what came and what went.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use everthread_graph::contract::{Dropped, Element, Json, ListDelta, Piece, Removal};

use super::ids::{hash, message_id};
use super::message::{Edit, Said};

/// All messages of a thread so far, by their numbers. Their bodies are written already.
#[derive(Default)]
pub(super) struct Messages {
    known: Vec<Known>,
}

struct Known {
    id: Arc<str>,
    hash: [u8; 32],
}

/// A place of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// The message of this number stays.
    Kept(u64),
    /// This message comes.
    New(Arc<str>, String),
}

impl Messages {
    /// How many there are, which is the highest number.
    pub(super) fn len(&self) -> u64 {
        self.known.len() as u64
    }

    /// Adds those of a delta.
    pub(super) fn add(&mut self, element: &Element) {
        self.known.push(Known {
            id: element.id.clone().unwrap_or_else(|| "".into()),
            hash: hash(&[element.body.as_str().as_bytes()]),
        });
    }

    fn get(&self, seq: u64) -> Option<&Known> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.known.get(at)
    }

    fn is_same(&self, seq: u64, said: &Said) -> bool {
        self.get(seq)
            .is_some_and(|known| known.hash == hash(&[said.body.as_bytes()]))
    }

    /// The places of a list that is there as a whole. `name` is the thread's, for messages without an id.
    pub(super) fn whole(&self, before: &[u64], list: Vec<Said>, name: &str) -> Vec<Slot> {
        let mut positions: HashMap<&str, usize> = HashMap::with_capacity(before.len());
        for (position, seq) in before.iter().enumerate() {
            if let Some(known) = self.get(*seq) {
                positions.insert(&known.id, position);
            }
        }
        let mut used: HashSet<Arc<str>> = HashSet::with_capacity(list.len());
        let mut kept_until = 0;
        let mut slots = Vec::with_capacity(list.len());
        for (at, said) in list.into_iter().enumerate() {
            let place = at.to_be_bytes();
            let derived = || message_id(&[name.as_bytes(), &place, said.body.as_bytes()]);
            let own = said.id.as_deref().filter(|id| !used.contains(*id));
            let id: Arc<str> = own.map_or_else(|| derived().into(), Into::into);
            let position = positions.get(&*id).copied();
            match position {
                Some(position)
                    if position >= kept_until && self.is_same(before[position], &said) =>
                {
                    kept_until = position + 1;
                    slots.push(Slot::Kept(before[position]));
                }
                _ => slots.push(Slot::New(Arc::clone(&id), said.body)),
            }
            used.insert(id);
        }
        slots
    }

    /// The places of a list after edits, by LangGraph's rules: a message with the id of another takes its place. `name`
    /// says where the edits stand.
    pub(super) fn edited(&self, before: &[u64], edits: Vec<Edit>, name: &[&[u8]]) -> Vec<Slot> {
        let mut slots: Vec<Option<Slot>> = Vec::with_capacity(before.len() + edits.len());
        let mut positions: HashMap<Arc<str>, usize> = HashMap::new();
        for seq in before {
            if let Some(known) = self.get(*seq) {
                positions.insert(Arc::clone(&known.id), slots.len());
            }
            slots.push(Some(Slot::Kept(*seq)));
        }
        for (at, edit) in edits.into_iter().enumerate() {
            match edit {
                Edit::RemoveAll => slots.iter_mut().for_each(|slot| *slot = None),
                Edit::Remove(id) => {
                    if let Some(position) = positions.get(&*id) {
                        slots[*position] = None;
                    }
                }
                Edit::Say(said) => {
                    let place = at.to_be_bytes();
                    let derived =
                        || message_id(&[name, &[&place[..], said.body.as_bytes()]].concat());
                    let id: Arc<str> = said.id.clone().unwrap_or_else(derived).into();
                    match positions.get(&id) {
                        Some(position) => {
                            let there = &mut slots[*position];
                            let stays =
                                matches!(there, Some(Slot::Kept(seq)) if self.is_same(*seq, &said));
                            if !stays {
                                *there = Some(Slot::New(id, said.body));
                            }
                        }
                        None => {
                            positions.insert(Arc::clone(&id), slots.len());
                            slots.push(Some(Slot::New(id, said.body)));
                        }
                    }
                }
            }
        }
        slots.into_iter().flatten().collect()
    }

    /// How the list is made of the one before; `None` when it is the same.
    pub(super) fn delta(
        &self,
        before: &[u64],
        slots: Vec<Slot>,
        removal: Removal,
    ) -> Option<ListDelta> {
        let mut delta = ListDelta {
            base_len: count(before.len()),
            ..ListDelta::default()
        };
        let mut kept = HashSet::new();
        let mut come = HashSet::new();
        let mut position = 0;
        for slot in slots {
            match slot {
                Slot::Kept(seq) => {
                    // Places that stay are in their old order.
                    while before.get(position).is_some_and(|at| *at != seq) {
                        position += 1;
                    }
                    kept.insert(position);
                    push(&mut delta.pieces, Piece::Keep(one(position)));
                    position += 1;
                }
                Slot::New(id, body) => {
                    push(&mut delta.pieces, Piece::New(one(delta.elements.len())));
                    come.insert(Arc::clone(&id));
                    delta.elements.push(Element {
                        id: Some(id),
                        body: Json::trusted(&body),
                    });
                }
            }
        }
        for (position, seq) in before.iter().enumerate() {
            if kept.contains(&position) {
                continue;
            }
            let returns = self.get(*seq).is_some_and(|known| come.contains(&known.id));
            delta.dropped.push(Dropped {
                range: one(position),
                reason: if returns { Removal::Replaced } else { removal },
            });
        }
        (!delta.elements.is_empty() || !delta.dropped.is_empty()).then_some(delta)
    }
}

fn one(at: usize) -> std::ops::Range<u32> {
    count(at)..count(at) + 1
}

fn count(at: usize) -> u32 {
    u32::try_from(at).expect("a value that is read holds fewer than 2^32 messages")
}

/// Adds a piece; those that follow each other become one.
fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), &piece) {
        (Some(Piece::Keep(last)), Piece::Keep(next))
        | (Some(Piece::New(last)), Piece::New(next))
            if last.end == next.start =>
        {
            last.end = next.end;
        }
        _ => pieces.push(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(id: &str, text: &str) -> Said {
        Said {
            id: Some(id.to_owned()),
            body: format!("\"{text}\""),
        }
    }

    fn known(list: &[(&str, &str)]) -> (Messages, Vec<u64>) {
        let mut messages = Messages::default();
        for (id, text) in list {
            let said = said(id, text);
            messages.add(&Element {
                id: Some((*id).into()),
                body: Json::trusted(&said.body),
            });
        }
        let all = (1..=messages.len()).collect();
        (messages, all)
    }

    fn new(id: &str, text: &str) -> Slot {
        Slot::New(id.into(), format!("\"{text}\""))
    }

    #[test]
    fn what_is_the_same_stays() {
        let (messages, before) = known(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let list = vec![
            said("a", "1"),
            said("b", "2!"),
            said("c", "3"),
            said("d", "4"),
        ];
        let slots = messages.whole(&before, list, "t");
        assert_eq!(
            slots,
            [Slot::Kept(1), new("b", "2!"), Slot::Kept(3), new("d", "4")]
        );
        let delta = messages.delta(&before, slots, Removal::Context).unwrap();
        assert_eq!(
            delta.pieces,
            [
                Piece::Keep(0..1),
                Piece::New(0..1),
                Piece::Keep(2..3),
                Piece::New(1..2)
            ]
        );
        let reasons: Vec<_> = delta
            .dropped
            .iter()
            .map(|gone| (gone.range.start, gone.reason))
            .collect();
        assert_eq!(reasons, [(1, Removal::Replaced)]);
    }

    #[test]
    fn another_order_is_said_anew() {
        let (messages, before) = known(&[("a", "1"), ("b", "2")]);
        let slots = messages.whole(&before, vec![said("b", "2"), said("a", "1")], "t");
        assert_eq!(slots, [Slot::Kept(2), new("a", "1")]);
        assert!(messages.delta(&before, slots, Removal::User).is_some());
        let same = messages.whole(&before, vec![said("a", "1"), said("b", "2")], "t");
        assert_eq!(messages.delta(&before, same, Removal::User), None);
    }

    #[test]
    fn messages_without_an_id_get_one_that_stays() {
        let bare = |text: &str| Said {
            id: None,
            body: format!("\"{text}\""),
        };
        let empty = Messages::default();
        let slots = empty.whole(
            &[],
            vec![bare("x"), bare("x"), said("a", "1"), said("a", "2")],
            "t",
        );
        let ids: HashSet<_> = slots
            .iter()
            .map(|slot| match slot {
                Slot::New(id, _) => id.to_string(),
                Slot::Kept(_) => panic!("nothing is known"),
            })
            .collect();
        assert_eq!(ids.len(), 4);
        assert_eq!(empty.whole(&[], vec![bare("x")], "t"), slots[..1]);
    }

    #[test]
    fn edits_follow_the_rules_of_langgraph() {
        let (messages, before) = known(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let edits = vec![
            Edit::Remove("b".to_owned()),
            Edit::Say(said("a", "1")),
            Edit::Say(said("c", "3!")),
            Edit::Say(said("d", "4")),
            Edit::Say(said("b", "2?")),
            Edit::Remove("nobody".to_owned()),
        ];
        let slots = messages.edited(&before, edits, &[]);
        assert_eq!(
            slots,
            [Slot::Kept(1), new("b", "2?"), new("c", "3!"), new("d", "4")]
        );
        let edits = vec![Edit::RemoveAll, Edit::Say(said("e", "5"))];
        assert_eq!(messages.edited(&before, edits, &[]), [new("e", "5")]);
    }
}
