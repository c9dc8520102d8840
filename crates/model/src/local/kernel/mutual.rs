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
    /// Filled up to a multiple of sixteen, like the keys.
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
        let token = self.queries.len();
        let lane = token % WIDTH;
        if lane == 0 {
            self.keys.resize(self.keys.len() + SIZE, [0.0; WIDTH]);
            self.values.resize(self.values.len() + WIDTH, [0.0; SIZE]);
        }
        let group = self.keys.len() - SIZE;
        for (numbers, number) in self.keys[group..].iter_mut().zip(key) {
            numbers[lane] = *number;
        }
        let scale = 1.0 / (SIZE as f32).sqrt();
        self.queries.push(query.map(|number| number * scale));
        self.values[token] = *value;
    }

    /// Computes what each token sees; `out` has a place for each.
    #[inline(always)]
    pub(super) fn run(&mut self, out: &mut [[f32; SIZE]]) {
        assert_eq!(out.len(), self.queries.len(), "a place for each token");
        let (queries, last_queries) = self.queries.as_chunks::<TOGETHER>();
        let (places, last_places) = out.as_chunks_mut::<TOGETHER>();
        let mut sight = Sight {
            keys: self.keys.as_chunks().0,
            values: self.values.as_chunks().0,
            tokens: self.queries.len(),
            weights: &mut self.weights,
        };
        for (queries, places) in queries.iter().zip(places) {
            sight.look(queries, places);
        }
        let (last_queries, _) = last_queries.as_chunks::<1>();
        let (last_places, _) = last_places.as_chunks_mut::<1>();
        for (query, place) in last_queries.iter().zip(last_places) {
            sight.look(query, place);
        }
    }
}

/// What there is to see, sixteen tokens at a time. All lengths in the loops are constant: that is what makes compilers
/// keep the sums in vector registers.
struct Sight<'a> {
    keys: &'a [[[f32; WIDTH]; SIZE]],
    values: &'a [[[f32; SIZE]; WIDTH]],
    tokens: usize,
    weights: &'a mut Vec<f32>,
}

impl Sight<'_> {
    /// What `N` tokens see.
    #[inline(always)]
    fn look<const N: usize>(&mut self, queries: &[[f32; SIZE]; N], out: &mut [[f32; SIZE]; N]) {
        let padded = self.keys.len() * WIDTH;
        self.weights.resize(N * padded, 0.0);
        for (g, group) in self.keys.iter().enumerate() {
            let mut dots = [[0.0; WIDTH]; N];
            for (d, numbers) in group.iter().enumerate() {
                for (dots, query) in dots.iter_mut().zip(queries) {
                    for (dot, number) in dots.iter_mut().zip(numbers) {
                        *dot += query[d] * number;
                    }
                }
            }
            for (n, dots) in dots.iter().enumerate() {
                self.weights[n * padded + g * WIDTH..][..WIDTH].copy_from_slice(dots);
            }
        }
        let mut totals = [1.0; N];
        for (row, total) in self.weights.chunks_exact_mut(padded).zip(&mut totals) {
            // Where there is no token, there is nothing to see.
            row[self.tokens..].fill(f32::NEG_INFINITY);
            *total = exponentiate(row);
        }
        self.add_up::<N, 0>(out);
        self.add_up::<N, WIDTH>(out);
        for (out, total) in out.iter_mut().zip(totals) {
            *out = out.map(|sum| sum / total);
        }
    }

    /// The sums of the values by their weights, as many numbers of each as lie side by side, from `FROM` on.
    #[inline(always)]
    fn add_up<const N: usize, const FROM: usize>(&self, out: &mut [[f32; SIZE]; N]) {
        let padded = self.keys.len() * WIDTH;
        let mut sums = [[0.0; WIDTH]; N];
        for (g, group) in self.values.iter().enumerate() {
            let weights: [[f32; WIDTH]; N] = std::array::from_fn(|n| {
                let mut weights = [0.0; WIDTH];
                weights.copy_from_slice(&self.weights[n * padded + g * WIDTH..][..WIDTH]);
                weights
            });
            for (at, value) in group.iter().enumerate() {
                for (sums, weights) in sums.iter_mut().zip(&weights) {
                    for i in 0..WIDTH {
                        sums[i] += weights[at] * value[FROM + i];
                    }
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(&sums) {
            out[FROM..][..WIDTH].copy_from_slice(sums);
        }
    }
}
