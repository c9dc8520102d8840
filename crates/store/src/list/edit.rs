//! From positions to edits: a step's delta as splices of the state's list and of the transcript.

use everthread_graph::contract::{ListDelta, Piece, Removal};

use super::{DeltaError, ListEdit, ListState, stays_in_transcript};
use crate::{Ranges, Splice};

/// A stretch of old positions that goes, and the new elements that stand there.
struct Gap {
    start: u64,
    end: u64,
    new: Vec<u64>,
}

pub(super) fn of_delta(
    list: &ListState,
    delta: &ListDelta,
    first_seq: u64,
) -> Result<ListEdit, DeltaError> {
    let found = list.live_len();
    let expected = u64::from(delta.base_len);
    if expected != found {
        return Err(DeltaError::Length { expected, found });
    }
    let gaps = gaps(delta, first_seq)?;
    let empty = Ranges::default();
    let all = transcript_edits(list, list.live.as_ref().unwrap_or(&empty), delta, &gaps)?;
    let live = gaps
        .into_iter()
        .map(|gap| Splice {
            at: gap.start,
            remove: gap.end - gap.start,
            insert: gap.new.into_iter().collect(),
        })
        .collect();
    Ok(ListEdit {
        live: Some(live),
        all,
    })
}

/// The stretches between kept ones, checked: pieces ascend, new elements exist and are named once, in order.
fn gaps(delta: &ListDelta, first_seq: u64) -> Result<Vec<Gap>, DeltaError> {
    let mut gaps = Vec::new();
    let mut gap = Gap {
        start: 0,
        end: 0,
        new: Vec::new(),
    };
    let mut named = 0;
    for piece in &delta.pieces {
        match piece {
            Piece::Keep(range) if range.is_empty() => {}
            Piece::Keep(range) => {
                let (start, end) = (u64::from(range.start), u64::from(range.end));
                if start < gap.start || end > u64::from(delta.base_len) {
                    return Err(DeltaError::Pieces);
                }
                gap.end = start;
                close(&mut gaps, gap);
                gap = Gap {
                    start: end,
                    end,
                    new: Vec::new(),
                };
            }
            Piece::New(range) => {
                if range.start != named || range.end < named {
                    return Err(DeltaError::Pieces);
                }
                named = range.end;
                gap.new
                    .extend(range.clone().map(|at| first_seq + u64::from(at)));
            }
        }
    }
    gap.end = u64::from(delta.base_len);
    close(&mut gaps, gap);
    if usize::try_from(named) == Ok(delta.elements.len()) {
        Ok(gaps)
    } else {
        Err(DeltaError::Pieces)
    }
}

fn close(gaps: &mut Vec<Gap>, gap: Gap) {
    if gap.start < gap.end || !gap.new.is_empty() {
        gaps.push(gap);
    }
}

/// A successor takes the place of what it replaces; what is new besides stands before the next element that the
/// state kept, or at the end.
fn transcript_edits(
    list: &ListState,
    live: &Ranges,
    delta: &ListDelta,
    gaps: &[Gap],
) -> Result<Vec<Splice>, DeltaError> {
    let places = Places::new(list, gaps, u64::from(delta.base_len));
    let mut drops = delta
        .dropped
        .iter()
        .flat_map(|drop| drop.range.clone().map(|at| (u64::from(at), drop.reason)));
    let mut edits = Vec::new();
    for gap in gaps {
        let mut new = gap.new.iter().copied();
        for position in gap.start..gap.end {
            let Some((at, reason)) = drops.next() else {
                return Err(DeltaError::Pieces);
            };
            if at != position {
                return Err(DeltaError::Pieces);
            }
            if stays_in_transcript(reason) {
                continue;
            }
            let successor = match reason {
                Removal::Replaced => new.next(),
                _ => None,
            };
            edits.push(Splice {
                at: places.of(live, position)?,
                remove: 1,
                insert: successor.into_iter().collect(),
            });
        }
        let rest: Ranges = new.collect();
        if !rest.is_empty() {
            let at = if gap.end < u64::from(delta.base_len) {
                places.of(live, gap.end)?
            } else {
                list.all.len()
            };
            edits.push(Splice {
                at,
                remove: 0,
                insert: rest,
            });
        }
    }
    if drops.next().is_some() {
        return Err(DeltaError::Pieces);
    }
    Ok(merged(edits))
}

/// Where the elements of the state stand in the transcript.
struct Places {
    /// `(first, last, position of first)`, by number.
    by_number: Vec<(u64, u64, u64)>,
}

impl Places {
    fn new(list: &ListState, gaps: &[Gap], base_len: u64) -> Self {
        let only_appends = gaps.iter().all(|gap| gap.start == base_len);
        let mut by_number = Vec::new();
        if !only_appends {
            let mut position = 0;
            for &(first, last) in list.all.ranges() {
                by_number.push((first, last, position));
                position += last - first + 1;
            }
            by_number.sort_unstable();
        }
        Self { by_number }
    }

    fn of(&self, live: &Ranges, position: u64) -> Result<u64, DeltaError> {
        let seq = live.get(position).ok_or(DeltaError::Pieces)?;
        let after = self
            .by_number
            .partition_point(|&(first, _, _)| first <= seq);
        match after.checked_sub(1).map(|at| self.by_number[at]) {
            Some((first, last, at)) if seq <= last => Ok(at + (seq - first)),
            _ => Err(DeltaError::Pieces),
        }
    }
}

/// Edits that touch become one.
fn merged(mut edits: Vec<Splice>) -> Vec<Splice> {
    edits.sort_by_key(|edit| (edit.at, edit.remove));
    let mut out: Vec<Splice> = Vec::with_capacity(edits.len());
    for edit in edits {
        match out.last_mut() {
            Some(last) if last.at + last.remove == edit.at => {
                last.remove += edit.remove;
                last.insert.extend(&edit.insert);
            }
            _ => out.push(edit),
        }
    }
    out
}
