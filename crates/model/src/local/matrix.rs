//! A matrix of weights as eight-bit integers, in the order in which the kernels read it.

use rayon::prelude::*;

use super::activations::{Activations, largest_magnitude, round};
use super::half::{f16_to_f32, f32_to_f16};
use super::kernel::{BLOCK_COLUMNS, BLOCK_LANES, GROUP_ROWS, Group, Kernel, Lane, Results, Scales};

/// Columns that a lane holds.
const LANE_COLUMNS: usize = BLOCK_COLUMNS / BLOCK_LANES;

/// Below this many multiplications one thread is faster than waking another.
const PARALLEL_WORK: usize = 1 << 18;

/// A matrix of weights.
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    lanes: Vec<Lane>,
    scales: Vec<Scales>,
}

impl Matrix {
    /// A matrix from a function that appends the numbers of the row that it is given.
    ///
    /// `columns` is a multiple of 32. The function runs on several threads.
    pub(super) fn build<E: Send>(
        rows: usize,
        columns: usize,
        read_row: impl Fn(usize, &mut Vec<f32>) -> Result<(), E> + Sync,
    ) -> Result<Self, E> {
        let blocks = columns / BLOCK_COLUMNS;
        let groups = rows.div_ceil(GROUP_ROWS);
        let mut lanes = vec![Lane([128; 64]); groups * blocks * BLOCK_LANES];
        let mut scales = vec![Scales([0; GROUP_ROWS]); groups * blocks];
        lanes
            .par_chunks_mut(blocks * BLOCK_LANES)
            .zip(scales.par_chunks_mut(blocks))
            .enumerate()
            .try_for_each_init(Vec::new, |row, (group, (lanes, scales))| {
                for r in 0..GROUP_ROWS.min(rows - group * GROUP_ROWS) {
                    row.clear();
                    read_row(group * GROUP_ROWS + r, row)?;
                    assert_eq!(row.len(), columns, "a whole row");
                    pack_row(row, r, lanes, scales);
                }
                Ok(())
            })?;
        Ok(Self {
            rows,
            columns,
            lanes,
            scales,
        })
    }

    /// A matrix from its numbers, row after row.
    #[cfg(test)]
    pub(super) fn from_rows(columns: usize, numbers: &[f32]) -> Self {
        let rows = numbers.len() / columns;
        let read = |row: usize, out: &mut Vec<f32>| -> Result<(), ()> {
            out.extend(&numbers[row * columns..][..columns]);
            Ok(())
        };
        Self::build(rows, columns, read).unwrap()
    }

    /// How many rows the matrix has: the length of a product.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Multiplies the matrix with every row of `input` (rows of as many numbers as the matrix has columns); gives
    /// one row of products a token.
    pub(super) fn multiply(&self, input: &[f32]) -> Vec<f32> {
        let activations = Activations::quantise(input, self.columns);
        self.multiply_with(Kernel::best(), &activations)
    }

    /// As [`multiply`](Self::multiply), at twice the cost and with a hundredth of the error that comes from making
    /// integers of the input: what their rounding left over is multiplied as well.
    pub(super) fn multiply_fine(&self, input: &[f32]) -> Vec<f32> {
        let kernel = Kernel::best();
        let activations = Activations::quantise(input, self.columns);
        let left = Activations::quantise(&activations.left_over(input), self.columns);
        let mut products = self.multiply_with(kernel, &activations);
        let more = self.multiply_with(kernel, &left);
        for (product, more) in products.iter_mut().zip(more) {
            *product += more;
        }
        products
    }

    pub(super) fn multiply_with(&self, kernel: Kernel, tokens: &Activations) -> Vec<f32> {
        let count = tokens.len();
        let blocks = self.columns / BLOCK_COLUMNS;
        let groups = self.rows.div_ceil(GROUP_ROWS);
        // Group after group, so that each thread writes a place of its own.
        let mut products: Vec<Results> = vec![[0.0; GROUP_ROWS]; groups * count];
        let one_group = |(index, out): (usize, &mut [Results])| {
            let group = Group {
                lanes: &self.lanes[index * blocks * BLOCK_LANES..][..blocks * BLOCK_LANES],
                scales: &self.scales[index * blocks..][..blocks],
            };
            kernel.multiply(group, tokens, out);
        };
        if self.rows * self.columns * count < PARALLEL_WORK {
            products.chunks_mut(count).enumerate().for_each(one_group);
        } else {
            let pieces = products.par_chunks_mut(count).enumerate();
            let piece = groups.div_ceil(rayon::current_num_threads() * 4).max(1);
            pieces.with_min_len(piece).for_each(one_group);
        }
        self.by_token(&products, count)
    }

    /// Turns products that lie group after group into rows, one a token.
    fn by_token(&self, products: &[Results], count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count * self.rows];
        let one_token = |(token, row): (usize, &mut [f32])| {
            for (group, piece) in row.chunks_mut(GROUP_ROWS).enumerate() {
                piece.copy_from_slice(&products[group * count + token][..piece.len()]);
            }
        };
        if count == 1 {
            out.chunks_mut(self.rows).enumerate().for_each(one_token);
        } else {
            out.par_chunks_mut(self.rows)
                .enumerate()
                .for_each(one_token);
        }
        out
    }
}

/// Writes row `r` of a group into its lanes.
fn pack_row(row: &[f32], r: usize, lanes: &mut [Lane], scales: &mut [Scales]) {
    for (block, numbers) in row.as_chunks::<BLOCK_COLUMNS>().0.iter().enumerate() {
        let largest = largest_magnitude(numbers);
        let stored = f32_to_f16(largest / 127.0);
        // The scale as it will be read again, so that the rounding of the scale adds no error.
        let scale = f16_to_f32(stored);
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        scales[block].0[r] = stored;
        for (column, number) in numbers.iter().enumerate() {
            let byte = round((number * inverse).clamp(-127.0, 127.0));
            let lane = &mut lanes[block * BLOCK_LANES + column / LANE_COLUMNS];
            lane.0[r * LANE_COLUMNS + column % LANE_COLUMNS] = (i16::from(byte) + 128) as u8;
        }
    }
}
