//! Positions as rotations: pairs of numbers turn by an angle that grows with the position.

use crate::local::shape::{RopePairs, Shape};

/// The rotations of a run of positions.
pub(super) struct Rotations {
    /// Cosine and sine for each position and pair.
    turns: Vec<(f32, f32)>,
    pairs: usize,
    order: RopePairs,
}

impl Rotations {
    /// The rotations of `count` positions from `first` on.
    pub(super) fn new(shape: &Shape, first: usize, count: usize) -> Self {
        let pairs = shape.head_size / 2;
        let mut turns = Vec::with_capacity(count * pairs);
        for position in first..first + count {
            for pair in 0..pairs {
                let exponent = -((2 * pair) as f32) / shape.head_size as f32;
                let angle = position as f32 * shape.rope_base.powf(exponent);
                turns.push((angle.cos(), angle.sin()));
            }
        }
        Self {
            turns,
            pairs,
            order: shape.rope_pairs,
        }
    }

    /// Turns the heads of the `index`-th position.
    pub(super) fn turn(&self, index: usize, heads: &mut [f32]) {
        let turns = &self.turns[index * self.pairs..][..self.pairs];
        for head in heads.chunks_exact_mut(2 * self.pairs) {
            match self.order {
                RopePairs::Halves => {
                    let (left, right) = head.split_at_mut(self.pairs);
                    for ((a, b), (cos, sin)) in left.iter_mut().zip(right).zip(turns) {
                        (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
                    }
                }
                RopePairs::Neighbours => {
                    let (pairs, _) = head.as_chunks_mut::<2>();
                    for ([a, b], (cos, sin)) in pairs.iter_mut().zip(turns) {
                        (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
                    }
                }
            }
        }
    }
}
