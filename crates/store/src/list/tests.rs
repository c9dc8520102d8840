//! Rules of lists against a plain reference, and the two bounds: what reading takes, and what is written in all.

use everthread_graph::contract::{Dropped, Element, Json, ListDelta, Piece, Removal};
use proptest::prelude::*;

use super::{ListDamage, ListState, StoredList};

/// What happens to one old element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Leaves(Removal),
}

/// One step: a fate for each old element (taken round and round), and new ones at the end.
type Step = (Vec<Fate>, u8);

/// Lists as plain vectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Plain {
    live: Vec<u64>,
    all: Vec<u64>,
    seq: u64,
}

fn element() -> Element {
    Element {
        id: None,
        body: Json::trusted("1"),
    }
}

impl Plain {
    /// Applies a step and gives the delta that says the same.
    fn apply(&mut self, (fates, appended): &Step) -> ListDelta {
        let mut delta = ListDelta {
            base_len: u32::try_from(self.live.len()).unwrap(),
            ..ListDelta::default()
        };
        let mut live = Vec::new();
        for (position, &number) in self.live.clone().iter().enumerate() {
            let at = u32::try_from(position).unwrap();
            let fate = match fates.len() {
                0 => Fate::Stays,
                len => fates[position % len],
            };
            match fate {
                Fate::Stays => {
                    delta.pieces.push(Piece::Keep(at..at + 1));
                    live.push(number);
                }
                Fate::Leaves(reason) => {
                    delta.dropped.push(Dropped {
                        range: at..at + 1,
                        reason,
                    });
                    let place = self.all.iter().position(|one| *one == number).unwrap();
                    match reason {
                        Removal::Context => {}
                        Removal::Replaced => {
                            let successor = self.next(&mut delta);
                            self.all[place] = successor;
                            live.push(successor);
                        }
                        Removal::User | Removal::Rollback => {
                            self.all.remove(place);
                        }
                    }
                }
            }
        }
        for _ in 0..*appended {
            let number = self.next(&mut delta);
            self.all.push(number);
            live.push(number);
        }
        self.live = live;
        delta
    }

    fn next(&mut self, delta: &mut ListDelta) -> u64 {
        let at = u32::try_from(delta.elements.len()).unwrap();
        delta.pieces.push(Piece::New(at..at + 1));
        delta.elements.push(element());
        self.seq += 1;
        self.seq
    }
}

/// Every row that was written, and the lists that they stand for.
#[derive(Default)]
struct Written {
    rows: Vec<String>,
    plain: Plain,
    last: Option<(u64, StoredList)>,
}

impl Written {
    fn step(&mut self, step: &Step) {
        let first_seq = self.plain.seq + 1;
        let delta = self.plain.apply(step);
        let empty = ListState::default();
        let state = self.last.as_ref().map_or(&empty, |(_, list)| &*list.state);
        let edit = state.edit(&delta, first_seq).unwrap();
        let before = self.last.as_ref().map(|(n, list)| (*n, list));
        let (list, row) = StoredList::next(before, &edit).unwrap();
        assert_eq!(
            plain(&list.state),
            (self.plain.live.clone(), self.plain.all.clone())
        );
        self.rows.push(row);
        self.last = Some((self.rows.len() as u64, list));
    }

    /// Reads a list and says how many bytes and rows that took.
    fn read(&self, n: u64) -> (StoredList, usize, usize) {
        let (mut bytes, mut rows) = (0, 0);
        let list = StoredList::read(n, |at| -> Result<String, ListDamage> {
            let row = &self.rows[usize::try_from(at).unwrap() - 1];
            bytes += row.len();
            rows += 1;
            Ok(row.clone())
        });
        (list.unwrap(), bytes, rows)
    }

    fn bytes(&self) -> usize {
        self.rows.iter().map(String::len).sum()
    }
}

fn plain(state: &ListState) -> (Vec<u64>, Vec<u64>) {
    (
        state.live.as_ref().unwrap().iter().collect(),
        state.all.iter().collect(),
    )
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Stays),
        1 => Just(Fate::Leaves(Removal::Context)),
        1 => Just(Fate::Leaves(Removal::User)),
        1 => Just(Fate::Leaves(Removal::Rollback)),
        1 => Just(Fate::Leaves(Removal::Replaced)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop::collection::vec(fate(), 0..40), 0_u8..4);
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// Whatever happened to a list, each of its rows reads as the list that it was, at most twice its size.
    #[test]
    fn every_row_reads_as_the_list_that_it_was(steps in steps()) {
        let mut written = Written::default();
        let mut seen = Vec::new();
        for step in &steps {
            written.step(step);
            seen.push(written.plain.clone());
        }
        for (at, expected) in seen.iter().enumerate() {
            let (list, bytes, _) = written.read(at as u64 + 1);
            prop_assert_eq!(plain(&list.state), (expected.live.clone(), expected.all.clone()));
            let (_, full) = StoredList::full((*list.state).clone());
            // The newest full row was written when the list had another size, so it counts by itself.
            let mut first = 0;
            let mut n = at as u64 + 1;
            loop {
                let row = &written.rows[usize::try_from(n).unwrap() - 1];
                match StoredList::predecessor(row) {
                    Some(on) => n = on,
                    None => { first += row.len(); break; }
                }
            }
            prop_assert!(bytes <= first + full.len(), "{bytes} bytes for a list of {}", full.len());
        }
    }
}

/// Each turn says three and takes the second of them back, so that the list gains a break a turn.
fn breaking(turns: usize) -> Written {
    let mut written = Written::default();
    for _ in 0..turns {
        written.step(&(Vec::new(), 3));
        let mut fates = vec![Fate::Stays; written.plain.live.len()];
        let at = fates.len() - 2;
        fates[at] = Fate::Leaves(Removal::User);
        written.step(&(fates, 0));
    }
    written
}

#[test]
fn a_list_that_breaks_every_turn_costs_the_same_every_turn() {
    let (some, more) = (breaking(500), breaking(1_000));
    let (first, second) = (some.bytes() as f64, (more.bytes() - some.bytes()) as f64);
    assert!(
        second <= first * 1.25,
        "the first 500 turns took {first} bytes, the second {second}"
    );
    let (list, bytes, rows) = more.read(more.rows.len() as u64);
    let (_, full) = StoredList::full((*list.state).clone());
    assert!(
        bytes <= 2 * full.len(),
        "{bytes} bytes for a list of {}",
        full.len()
    );
    assert!(rows <= full.len() / 25, "{rows} rows");
}

#[test]
fn a_summarised_conversation_is_always_written_out_and_short() {
    let mut written = Written::default();
    for turn in 0..2_001 {
        written.step(&(Vec::new(), 2));
        if turn % 3 == 2 {
            let mut fates = vec![Fate::Leaves(Removal::Context); written.plain.live.len() - 2];
            fates.extend([Fate::Stays; 2]);
            written.step(&(fates, 0));
        }
    }
    assert!(
        written.rows.iter().all(|row| row.len() <= 40),
        "{:?}",
        written.rows.last()
    );
    assert_eq!(
        written.rows.last().unwrap(),
        r#"{"live":"4001-4002","all":"1-4002"}"#
    );
}

#[test]
fn a_delta_that_does_not_cover_its_list_is_refused() {
    let list = ListState {
        live: Some(crate::Ranges::of(1..4)),
        all: crate::Ranges::of(1..4),
    };
    let good = ListDelta {
        base_len: 3,
        pieces: vec![Piece::Keep(0..2), Piece::New(0..1)],
        elements: vec![element()],
        dropped: vec![Dropped {
            range: 2..3,
            reason: Removal::User,
        }],
    };
    assert!(list.edit(&good, 4).is_ok());
    let bad: [fn(&mut ListDelta); 6] = [
        |delta| delta.base_len = 2,
        |delta| delta.dropped.clear(),
        |delta| delta.dropped[0].range = 1..3,
        |delta| delta.pieces.reverse(),
        |delta| delta.pieces[1] = Piece::New(0..2),
        |delta| delta.elements.push(element()),
    ];
    for (at, spoil) in bad.iter().enumerate() {
        let mut delta = good.clone();
        spoil(&mut delta);
        // Keeping the end after the new element instead of before it is another list, and a complete one.
        let outcome = list.edit(&delta, 4);
        assert_eq!(outcome.is_err(), at != 3, "{delta:?}");
    }
}

#[test]
fn damage_is_told_and_never_followed_in_a_circle() {
    for rows in [
        ["{}", ""],
        ["{\"on\":1,\"chain\":[0,0],\"live\":[]}", ""],
        ["{\"live\":\"3-1\"}", ""],
        ["[]", ""],
    ] {
        let read = StoredList::read(1, |n| -> Result<String, ListDamage> {
            Ok(rows[usize::try_from(n).unwrap() - 1].to_owned())
        });
        assert_eq!(read, Err(ListDamage { change: 1 }));
    }
}
