//! The numbers that go into a matrix, as eight-bit integers with a scale for every 32 of them.

use rayon::prelude::*;

use super::kernel::{BLOCK_COLUMNS, BLOCK_LANES};

/// Rows of input, one a token, ready to be multiplied.
pub(super) struct Activations {
    blocks: Vec<Block>,
    blocks_per_token: usize,
}

/// 32 numbers of a token.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    /// Four signed bytes each, the first lowest.
    pub(super) quads: [i32; BLOCK_LANES],
    /// What a byte is worth.
    pub(super) scale: f32,
    /// Minus 128 times the sum of the bytes.
    pub(super) offset: i32,
}

impl Activations {
    /// Reads rows of `columns` numbers, a multiple of 32.
    pub(super) fn quantise(rows: &[f32], columns: usize) -> Self {
        let blocks_per_token = columns / BLOCK_COLUMNS;
        let (chunks, _) = rows.as_chunks::<BLOCK_COLUMNS>();
        let mut blocks = vec![Block::default(); chunks.len()];
        if chunks.len() == blocks_per_token {
            quantise_blocks(chunks, &mut blocks);
        } else {
            chunks
                .par_chunks(blocks_per_token)
                .zip(blocks.par_chunks_mut(blocks_per_token))
                .for_each(|(chunks, blocks)| quantise_blocks(chunks, blocks));
        }
        Self {
            blocks,
            blocks_per_token,
        }
    }

    /// What the rounding of `rows`, of which these activations were made, left over.
    pub(super) fn left_over(&self, rows: &[f32]) -> Vec<f32> {
        let mut left = rows.to_vec();
        let (chunks, _) = left.as_chunks_mut::<BLOCK_COLUMNS>();
        for (numbers, block) in chunks.iter_mut().zip(&self.blocks) {
            let (quads, _) = numbers.as_chunks_mut::<4>();
            for (numbers, quad) in quads.iter_mut().zip(block.quads) {
                for (number, byte) in numbers.iter_mut().zip(quad.to_le_bytes()) {
                    *number -= f32::from(byte as i8) * block.scale;
                }
            }
        }
        left
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.blocks.len() / self.blocks_per_token
    }

    /// How many blocks each token has.
    pub(super) fn blocks(&self) -> usize {
        self.blocks_per_token
    }

    /// The blocks of a token.
    #[inline]
    pub(super) fn row(&self, token: usize) -> &[Block] {
        &self.blocks[token * self.blocks_per_token..][..self.blocks_per_token]
    }
}

fn quantise_blocks(chunks: &[[f32; BLOCK_COLUMNS]], blocks: &mut [Block]) {
    for (numbers, block) in chunks.iter().zip(blocks) {
        let largest = largest_magnitude(numbers);
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let bytes = numbers.map(|number| round(number * inverse));
        let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
        let (quads, _) = bytes.as_chunks::<4>();
        for (quad, bytes) in block.quads.iter_mut().zip(quads) {
            *quad = i32::from_le_bytes(bytes.map(|byte| byte as u8));
        }
        block.scale = scale;
        block.offset = -128 * sum;
    }
}

/// Rounds a number between -127 and 127 (adding 1.5 · 2^23 leaves the whole part in the lowest bits).
#[inline]
pub(super) fn round(number: f32) -> i8 {
    (number + 12_582_912.0).to_bits() as i8
}

/// The largest magnitude of a block.
#[inline]
pub(super) fn largest_magnitude(numbers: &[f32; BLOCK_COLUMNS]) -> f32 {
    // Side by side, and without `max`, whose care for what is no number costs more than the rest.
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [0.0; 8];
    let (chunks, _) = numbers.as_chunks::<8>();
    for chunk in chunks {
        for (lane, number) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, number.abs());
        }
    }
    lanes.into_iter().fold(0.0, larger)
}
