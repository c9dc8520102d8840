//! Attention of one token: a weighted mean of the values it looks back on.
//!
//! The code is plain; each kernel compiles it for its own instructions, which is why it is all inlined.

/// Numbers that are added up side by side, as wide as the widest vector.
const WIDTH: usize = 16;

/// Numbers of a result that are computed together: a whole head of most models.
const PIECE: usize = 64;

/// Half a piece: a whole head of small models.
const SMALL_PIECE: usize = 32;

/// The attention of one token in the query heads that share one key and value head.
pub(in crate::local) struct Attention<'a> {
    /// The query heads, one after the other.
    pub(in crate::local) queries: &'a [f32],
    /// The keys of all positions that the token sees, its own last, one after the other.
    pub(in crate::local) keys: &'a [f32],
    /// The values of the same positions.
    pub(in crate::local) values: &'a [f32],
    /// Numbers in a head.
    pub(in crate::local) head_size: usize,
    /// Room for one weight a position.
    pub(in crate::local) weights: &'a mut Vec<f32>,
    /// Where the result of each query head goes.
    pub(in crate::local) out: &'a mut [f32],
}

impl Attention<'_> {
    /// Computes the results; `dot` is the kernel's product of two vectors, which compilers do not find by themselves.
    #[inline(always)]
    pub(super) fn run(&mut self, dot: impl Fn(&[f32], &[f32]) -> f32) {
        let size = self.head_size;
        let scale = 1.0 / (size as f32).sqrt();
        let heads = self
            .queries
            .chunks_exact(size)
            .zip(self.out.chunks_exact_mut(size));
        for (query, out) in heads {
            self.weights.clear();
            self.weights.resize(self.keys.len() / size, 0.0);
            let keys = self.keys.chunks_exact(size);
            for (weight, key) in self.weights.iter_mut().zip(keys) {
                *weight = dot(query, key) * scale;
            }
            let total = exponentiate(self.weights);
            mean(self.values, self.weights, total, out);
        }
    }
}

/// The mean of the values by their weights; a piece of it at a time stays in registers.
#[inline(always)]
fn mean(values: &[f32], weights: &[f32], total: f32, out: &mut [f32]) {
    let mut from = 0;
    while from < out.len() {
        from += match out.len() - from {
            PIECE.. => mean_piece::<PIECE>(values, weights, total, from, out),
            SMALL_PIECE.. => mean_piece::<SMALL_PIECE>(values, weights, total, from, out),
            _ => mean_piece::<1>(values, weights, total, from, out),
        };
    }
}

/// `N` numbers of the mean, from `from` on; gives back `N`.
#[inline(always)]
fn mean_piece<const N: usize>(
    values: &[f32],
    weights: &[f32],
    total: f32,
    from: usize,
    out: &mut [f32],
) -> usize {
    let mut sums = [0.0; N];
    for (value, weight) in values.chunks_exact(out.len()).zip(weights) {
        for (sum, number) in sums.iter_mut().zip(&value[from..][..N]) {
            *sum += weight * number;
        }
    }
    for (out, sum) in out[from..].iter_mut().zip(sums) {
        *out = sum / total;
    }
    N
}

/// The product of two vectors, in plain code.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut totals = [0.0; WIDTH];
    let (a_chunks, a_rest) = a.as_chunks::<WIDTH>();
    let (b_chunks, b_rest) = b.as_chunks::<WIDTH>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..WIDTH {
            totals[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sum_lanes(totals) + rest
}

/// Replaces each number by its exponential, less the largest so that none overflows; gives the sum.
#[inline(always)]
pub(super) fn exponentiate(numbers: &mut [f32]) -> f32 {
    let (chunks, rest) = numbers.as_chunks_mut::<WIDTH>();
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut tops = [f32::NEG_INFINITY; WIDTH];
    for chunk in chunks.iter() {
        for (top, number) in tops.iter_mut().zip(chunk) {
            *top = larger(*top, *number);
        }
    }
    let largest = tops.into_iter().fold(f32::NEG_INFINITY, larger);
    let largest = rest.iter().copied().fold(largest, larger);
    let mut totals = [0.0; WIDTH];
    for chunk in chunks {
        for (number, total) in chunk.iter_mut().zip(&mut totals) {
            *number = fast_exp(*number - largest);
            *total += *number;
        }
    }
    let mut total = sum_lanes(totals);
    for number in rest {
        *number = fast_exp(*number - largest);
        total += *number;
    }
    total
}

/// The sum, by halves: one after the other would wait for each.
#[inline(always)]
fn sum_lanes(lanes: [f32; WIDTH]) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
    let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The sum.
#[inline(always)]
pub(in crate::local) fn sum(numbers: &[f32]) -> f32 {
    let (chunks, rest) = numbers.as_chunks::<WIDTH>();
    let mut totals = [0.0; WIDTH];
    for chunk in chunks {
        for (total, number) in totals.iter_mut().zip(chunk) {
            *total += number;
        }
    }
    sum_lanes(totals) + rest.iter().sum::<f32>()
}

/// The sum of the squares.
#[inline(always)]
pub(in crate::local) fn sum_of_squares(numbers: &[f32]) -> f32 {
    dot(numbers, numbers)
}

/// A row's first half, through the sigmoid-weighted unit, times its second half ("GLU variants", Shazeer, 2020).
#[inline(always)]
pub(super) fn gate(row: &[f32], out: &mut [f32]) {
    let (gates, ups) = row.split_at(out.len());
    for ((out, gate), up) in out.iter_mut().zip(gates).zip(ups) {
        *out = gate / (1.0 + fast_exp(-gate)) * up;
    }
}

/// 1.5 · 2^23: numbers of this size have no room for fractions.
const SHIFT: f32 = 12_582_912.0;

/// `exp`, to a few parts in ten million, in steps that a compiler turns into vector instructions.
///
/// 2^x = 2^n · 2^f with n whole and |f| ≤ ½; 2^f by its series up to the sixth power.
#[inline(always)]
pub(in crate::local) fn fast_exp(x: f32) -> f32 {
    let x = (x * std::f32::consts::LOG2_E).clamp(-126.0, 127.0);
    // Adding 1.5 · 2^23 rounds to a whole number, and leaves it in the lowest bits.
    let shifted = x + SHIFT;
    let f = x - (shifted - SHIFT);
    let series = 1.0
        + f * (std::f32::consts::LN_2
            + f * (0.240_226_5
                + f * (0.055_504_11
                    + f * (0.009_618_129 + f * (0.001_333_355_8 + f * 0.000_154_035_3)))));
    let whole = shifted.to_bits().wrapping_sub(SHIFT.to_bits());
    f32::from_bits(whole.wrapping_add(127) << 23) * series
}
