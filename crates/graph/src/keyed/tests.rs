//! Properties of the keyed reducer: against a naive reading of LangGraph's `add_messages`, and of the delta that
//! it records against the list that it makes.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::contract::{Change, ChannelValue, Dropped, Element, Piece, Removal};
use crate::ids::SYSTEM_MINT;
use crate::state::{Channel, Step};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Note {
    id: Option<String>,
    text: u8,
}

impl Entry for Note {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn set_id(&mut self, id: String) {
        self.id = Some(id);
    }
}

#[derive(Debug, Clone)]
enum Op {
    Put(u8, u8),
    Remove(u8),
    RemoveAll,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..12_u8, any::<u8>()).prop_map(|(id, text)| Op::Put(id, text)),
        3 => (0..12_u8).prop_map(Op::Remove),
        1 => Just(Op::RemoveAll),
    ]
}

fn edits(ops: &[Op]) -> Edits<Note> {
    let edit = |op: &Op| match op {
        Op::Put(id, text) => Edit::put(Note {
            id: Some(id.to_string()),
            text: *text,
        }),
        Op::Remove(id) => Edit::remove(id.to_string()),
        Op::RemoveAll => Edit::RemoveAll,
    };
    ops.iter().map(edit).collect()
}

/// `add_messages`, line by line; `None` where it raises.
fn reference(left: &[(u8, u8)], right: &[Op]) -> Option<Vec<(u8, u8)>> {
    if let Some(at) = right.iter().rposition(|op| matches!(op, Op::RemoveAll)) {
        return reference(&[], &right[at + 1..]);
    }
    let mut merged = left.to_vec();
    let mut gone = std::collections::BTreeSet::new();
    for op in right {
        match op {
            Op::Put(id, text) => match merged.iter().position(|(known, _)| known == id) {
                Some(at) => {
                    gone.remove(id);
                    merged[at] = (*id, *text);
                }
                None => merged.push((*id, *text)),
            },
            Op::Remove(id) => {
                merged.iter().find(|(known, _)| known == id)?;
                gone.insert(*id);
            }
            Op::RemoveAll => {}
        }
    }
    merged.retain(|(id, _)| !gone.contains(id));
    Some(merged)
}

fn pairs(list: &Keyed<Note>) -> Vec<(u8, u8)> {
    let pair = |note: &Arc<Note>| (note.id.as_ref().unwrap().parse().unwrap(), note.text);
    list.iter().map(pair).collect()
}

/// Applies a delta as a store does. Checks that each old position has one fate.
fn applied(old: &[Element], delta: &crate::contract::ListDelta) -> Vec<Element> {
    assert_eq!(delta.base_len as usize, old.len());
    let mut fates = vec![0; old.len()];
    let mut new = Vec::new();
    let (mut kept, mut used) = (0, 0);
    for piece in &delta.pieces {
        match piece {
            Piece::Keep(range) => {
                assert!(range.start >= kept && range.start < range.end);
                kept = range.end;
                for at in range.clone() {
                    fates[at as usize] += 1;
                    new.push(old[at as usize].clone());
                }
            }
            Piece::New(range) => {
                assert_eq!(range.start, used);
                used = range.end;
                new.extend(range.clone().map(|at| delta.elements[at as usize].clone()));
            }
        }
    }
    assert_eq!(used as usize, delta.elements.len());
    for Dropped { range, .. } in &delta.dropped {
        range.clone().for_each(|at| fates[at as usize] += 1);
    }
    assert!(fates.iter().all(|fate| *fate == 1), "{fates:?} {delta:?}");
    new
}

fn elements(list: &Keyed<Note>) -> Vec<Element> {
    list.iter()
        .map(|note| <ById as Identify<Note>>::element(note).unwrap())
        .collect()
}

fn check_index(list: &Keyed<Note>) {
    assert_eq!(list.index.len(), list.len());
    for (at, note) in list.iter().enumerate() {
        assert_eq!(list.position(note.id.as_ref().unwrap()), Some(at));
    }
}

/// Applies batches as steps of so many writes each; checks each step's list and delta.
fn run(batches: &[Vec<Op>], writes_a_step: usize) {
    let mut list = Keyed::<Note>::default();
    let mut model = Vec::new();
    for step_of in batches.chunks(writes_a_step) {
        let base = list.clone();
        let stored = elements(&base);
        let mut step = Step::new(&SYSTEM_MINT, Removal::Context, true);
        for batch in step_of {
            let before = list.clone();
            let result = Keyed::apply(&mut list, edits(batch), &mut step, (0, "notes"));
            match reference(&model, batch) {
                Some(expected) => {
                    result.unwrap();
                    model = expected;
                }
                None => {
                    assert!(result.is_err());
                    list = before;
                }
            }
        }
        let change = Keyed::settle(&mut list, &base, true, true).unwrap();
        assert_eq!(pairs(&list), model);
        check_index(&list);
        match change {
            Some(Change::List(delta)) => assert_eq!(applied(&stored, &delta), elements(&list)),
            Some(other) => panic!("{other:?}"),
            None => assert_eq!(stored, elements(&list)),
        }
        assert_eq!(
            pairs(&base).len(),
            stored.len(),
            "the old list is as it was"
        );
        let loaded = Keyed::<Note>::load(&ChannelValue::List(elements(&list)))
            .unwrap()
            .unwrap();
        assert_eq!(loaded, list);
    }
}

proptest! {
    #[test]
    fn batches_are_those_of_add_messages(
        batches in prop::collection::vec(prop::collection::vec(op(), 0..12), 0..12),
    ) {
        run(&batches, 1);
    }

    #[test]
    fn several_writes_of_a_step_are_one_delta(
        batches in prop::collection::vec(prop::collection::vec(op(), 0..6), 0..12),
        writes in 1..5_usize,
    ) {
        run(&batches, writes);
    }

    #[test]
    fn a_diff_makes_one_list_of_another(
        old in prop::collection::vec(op(), 0..10),
        new in prop::collection::vec(op(), 0..10),
    ) {
        let mut step = Step::new(&SYSTEM_MINT, Removal::Context, false);
        let make = |ops: &[Op], step: &mut Step<'_>| {
            let mut list = Keyed::<Note>::default();
            let puts: Vec<_> = ops.iter().filter(|op| matches!(op, Op::Put(..))).cloned().collect();
            Keyed::apply(&mut list, edits(&puts), step, (0, "notes")).unwrap();
            list
        };
        let (old, new) = (make(&old, &mut step), make(&new, &mut step));
        let mut made = old.clone();
        if let Some(diff) = Keyed::diff(&new, &old) {
            Keyed::apply(&mut made, diff, &mut step, (0, "notes")).unwrap();
        }
        let sorted = |list: &Keyed<Note>| { let mut pairs = pairs(list); pairs.sort_unstable(); pairs };
        prop_assert_eq!(sorted(&made), sorted(&new));
    }
}

#[test]
fn a_long_list_is_cut_in_many_places() {
    let mut list = Keyed::<Note>::default();
    let mut step = Step::new(&SYSTEM_MINT, Removal::Context, false);
    let note = |n: usize| Note {
        id: Some(n.to_string()),
        text: 0,
    };
    let all: Vec<_> = (0..3_000).map(note).collect();
    Keyed::apply(&mut list, all.into(), &mut step, (0, "notes")).unwrap();
    for cut in [
        (0..3_000).step_by(7).collect::<Vec<_>>(),
        (1..2_900).step_by(291).collect(),
    ] {
        let cut: Vec<_> = cut
            .into_iter()
            .filter(|n| list.get(&n.to_string()).is_some())
            .collect();
        let gone: Edits<Note> = cut
            .iter()
            .map(|n: &usize| Edit::remove(n.to_string()))
            .collect();
        Keyed::apply(&mut list, gone, &mut step, (0, "notes")).unwrap();
        check_index(&list);
        for n in cut {
            assert!(list.get(&n.to_string()).is_none());
        }
    }
}

#[test]
fn an_element_without_an_id_is_given_one_and_its_body_has_none() {
    let mut list = Keyed::<Note>::default();
    let mut step = Step::new(&SYSTEM_MINT, Removal::Context, true);
    Keyed::apply(
        &mut list,
        Note { id: None, text: 7 }.into(),
        &mut step,
        (0, "notes"),
    )
    .unwrap();
    let id = list.last().unwrap().id.clone().unwrap();
    assert!(list.get(&id).is_some());
    let element = <ById as Identify<Note>>::element(list.last().unwrap()).unwrap();
    assert_eq!(
        (element.id.as_deref(), element.body.as_str()),
        (Some(&*id), r#"{"text":7}"#)
    );
    assert_eq!(
        <ById as Identify<Note>>::value(&element).unwrap(),
        **list.last().unwrap()
    );
}

#[test]
fn reasons_tell_context_from_replaced() {
    let mut list = Keyed::<Note>::default();
    let put = |id: &str, text| Note {
        id: Some(id.to_owned()),
        text,
    };
    let mut step = Step::new(&SYSTEM_MINT, Removal::Context, true);
    let first: Edits<Note> = vec![put("a", 0), put("b", 1), put("c", 2), put("d", 3)].into();
    Keyed::apply(&mut list, first, &mut step, (0, "notes")).unwrap();
    let base = list.clone();
    Keyed::settle(&mut list, &base, true, true).unwrap();

    // Remove-all and the last two again: these are kept, nothing is stored anew.
    let again = Edits::new()
        .remove_all()
        .put(list.at(2).unwrap().clone())
        .put(put("d", 4));
    Keyed::apply(&mut list, again, &mut step, (0, "notes")).unwrap();
    let Some(Change::List(delta)) = Keyed::settle(&mut list, &base, true, true).unwrap() else {
        panic!("a list changed");
    };
    assert_eq!(delta.pieces, [Piece::Keep(2..3), Piece::New(0..1)]);
    let reasons: Vec<_> = delta
        .dropped
        .iter()
        .map(|d| (d.range.clone(), d.reason))
        .collect();
    assert_eq!(
        reasons,
        [(0..2, Removal::Context), (3..4, Removal::Replaced)]
    );
}

#[test]
fn the_same_element_again_changes_nothing() {
    let mut list = Keyed::<Note>::default();
    let note = Note {
        id: Some("a".to_owned()),
        text: 1,
    };
    let mut step = Step::new(&SYSTEM_MINT, Removal::User, true);
    Keyed::apply(&mut list, note.clone().into(), &mut step, (0, "notes")).unwrap();
    let base = list.clone();
    assert!(
        Keyed::settle(&mut list, &base, true, true)
            .unwrap()
            .is_some()
    );
    Keyed::apply(&mut list, note.into(), &mut step, (0, "notes")).unwrap();
    assert_eq!(Keyed::settle(&mut list, &base, true, true).unwrap(), None);
}
