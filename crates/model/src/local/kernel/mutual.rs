//! Attention among tokens that all see one another.
//!
//! Because they all look at the same keys, several look at once, and sixteen keys are looked at side by side.
//! As in [`Attention`](super::Attention), the code is plain and each kernel compiles it for its own instructions.

use super::attention::exponentiate;

/// Numbers in a head.
pub(in crate::local) const SIZE: usize = 32;

/// Keys that lie side by side.
const WIDTH: usize = 16;

/// Tokens that look at once.
const TOGETHER: usize = 4;

/// The attention of all tokens of a text in one head. It keeps its memory from text to text.
#[derive(Default)]
pub(in crate::local) struct Mutual {
    queries: Vec<[f32; SIZE]>,
    /// For each sixteen tokens: the first number of all their keys, the second, and so on.
    keys: Vec<[f32; WIDTH]>,
    values: Vec<[f32; SIZE]>,
    weights: Vec<f32>,
}

impl Mutual {
    /// Forgets all tokens.
    pub(in crate::local) fn clear(&mut self) {
        self.queries.clear();
        self.keys.clear();
        self.values.clear();
    }

    /// Adds a token.
    pub(in crate::local) fn add(
        &mut self,
        query: &[f32; SIZE],
        key: &[f32; SIZE],
        value: &[f32; SIZE],
    ) {
        let lane = self.queries.len() % WIDTH;
        if lane == 0 {
            self.keys.resize(self.keys.len() + SIZE, [0.0; WIDTH]);
        }
        let group = self.keys.len() - SIZE;
        for (numbers, number) in self.keys[group..].iter_mut().zip(key) {
            numbers[lane] = *number;
        }
        let scale = 1.0 / (SIZE as f32).sqrt();
        self.queries.push(query.map(|number| number * scale));
        self.values.push(*value);
    }

    /// Computes what each token sees; `out` has a place for each.
    #[inline(always)]
    pub(super) fn run(&mut self, out: &mut [[f32; SIZE]]) {
        assert_eq!(out.len(), self.queries.len(), "a place for each token");
        let (queries, last_queries) = self.queries.as_chunks::<TOGETHER>();
        let (places, last_places) = out.as_chunks_mut::<TOGETHER>();
        let (keys, values, weights) = (&self.keys, &self.values, &mut self.weights);
        for (queries, places) in queries.iter().zip(places) {
            look(queries, keys, values, weights, places);
        }
        let (last_queries, _) = last_queries.as_chunks::<1>();
        let (last_places, _) = last_places.as_chunks_mut::<1>();
        for (query, place) in last_queries.iter().zip(last_places) {
            look(query, keys, values, weights, place);
        }
    }
}

/// What `N` tokens see.
#[inline(always)]
fn look<const N: usize>(
    queries: &[[f32; SIZE]; N],
    keys: &[[f32; WIDTH]],
    values: &[[f32; SIZE]],
    weights: &mut Vec<f32>,
    out: &mut [[f32; SIZE]; N],
) {
    let (groups, _) = keys.as_chunks::<SIZE>();
    let padded = groups.len() * WIDTH;
    weights.resize(N * padded, 0.0);
    for (g, group) in groups.iter().enumerate() {
        let mut dots = [[0.0; WIDTH]; N];
        for (d, numbers) in group.iter().enumerate() {
            for (dots, query) in dots.iter_mut().zip(queries) {
                for (dot, number) in dots.iter_mut().zip(numbers) {
                    *dot += query[d] * number;
                }
            }
        }
        for (n, dots) in dots.iter().enumerate() {
            weights[n * padded + g * WIDTH..][..WIDTH].copy_from_slice(dots);
        }
    }
    let mut rows = weights.chunks_exact_mut(padded);
    let totals: [f32; N] = std::array::from_fn(|_| {
        rows.next().map_or(1.0, |row| {
            // Where there is no token, there is nothing to see.
            row[values.len()..].fill(f32::NEG_INFINITY);
            exponentiate(row)
        })
    });
    let mut rows = weights.chunks_exact(padded);
    let rows: [&[f32]; N] = std::array::from_fn(|_| rows.next().unwrap_or_default());
    for half in 0..SIZE / WIDTH {
        // A vector for each token stays in a register.
        let mut sums = [[0.0; WIDTH]; N];
        for (at, value) in values.iter().enumerate() {
            let numbers = &value.as_chunks::<WIDTH>().0[half];
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let weight = row[at];
                for (sum, number) in sums.iter_mut().zip(numbers) {
                    *sum += weight * number;
                }
            }
        }
        for ((out, sums), total) in out.iter_mut().zip(sums).zip(totals) {
            out.as_chunks_mut::<WIDTH>().0[half] = sums.map(|sum| sum / total);
        }
    }
}
