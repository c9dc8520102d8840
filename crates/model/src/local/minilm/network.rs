//! The network: a BERT encoder, read from a safetensors file. It turns tokens of texts into vectors.
//!
//! Layers and their order follow "BERT" (Devlin et al., 2019), the mean over a text's tokens "Sentence-BERT" (Reimers
//! and Gurevych, 2019). Texts are not filled up to the same length: they lie one after the other, and only attention
//! tells them apart.

use std::io;
use std::path::Path;

use super::layer::Layer;
use super::norm::Norm;
use crate::local::kernel::sum_of_squares;
use crate::local::safetensors;
use crate::local::tensors::{FileRows, Tensors};

/// Numbers that stand for a token between layers, and numbers in a vector.
pub(super) const WIDTH: usize = 384;

/// Numbers in the middle of a layer's second half.
pub(super) const FEED_WIDTH: usize = 1536;

/// Heads of attention.
pub(super) const HEADS: usize = 12;

/// Layers, one after the other.
const LAYERS: usize = 6;

/// The encoder, ready to read.
pub(super) struct Network {
    words: FileRows,
    /// What is added to the token at each position of a text.
    places: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

impl Network {
    /// Loads the network from the file at `path`, for texts of at most `window` tokens.
    pub(super) fn load(path: &Path, window: usize) -> io::Result<Self> {
        let infos = safetensors::read_header(path)?;
        let tensors = Tensors::open(path, &infos)?;
        let layers = (0..LAYERS).map(|index| Layer::load(&tensors, index));
        Ok(Self {
            words: tensors.rows("embeddings.word_embeddings.weight", WIDTH)?,
            places: places(&tensors, window)?,
            norm: Norm::load(&tensors, "embeddings.LayerNorm", WIDTH)?,
            layers: layers.collect::<io::Result<_>>()?,
        })
    }

    /// A vector of unit length for each text, given as its tokens: one at least, as many as the window holds at most.
    pub(super) fn vectors(&self, texts: &[Vec<u32>]) -> io::Result<Vec<Vec<f32>>> {
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let mut rows = Vec::with_capacity(lengths.iter().sum::<usize>() * WIDTH);
        for text in texts {
            self.look_up(text, &mut rows)?;
        }
        self.norm.apply(&mut rows);
        for layer in &self.layers {
            layer.run(&lengths, &mut rows);
        }
        let mut left = &rows[..];
        let vectors = lengths.iter().map(|length| {
            let (text, others) = left.split_at(length * WIDTH);
            left = others;
            direction(text)
        });
        Ok(vectors.collect())
    }

    /// Appends the numbers with which a text's tokens enter the first layer.
    fn look_up(&self, text: &[u32], rows: &mut Vec<f32>) -> io::Result<()> {
        let from = rows.len();
        for &token in text {
            let row = (token as usize).min(self.words.len() - 1);
            self.words.read(row, rows)?;
        }
        for (number, place) in rows[from..].iter_mut().zip(&self.places) {
            *number += place;
        }
        Ok(())
    }
}

/// What stands for each position, and for being of the first of two texts: there is only one.
fn places(tensors: &Tensors<'_>, window: usize) -> io::Result<Vec<f32>> {
    let positions = tensors.rows("embeddings.position_embeddings.weight", WIDTH)?;
    let mut kind = Vec::new();
    tensors
        .rows("embeddings.token_type_embeddings.weight", WIDTH)?
        .read(0, &mut kind)?;
    let mut places = Vec::with_capacity(window * WIDTH);
    for position in 0..window.min(positions.len()) {
        positions.read(position, &mut places)?;
    }
    for row in places.chunks_exact_mut(WIDTH) {
        for (number, kind) in row.iter_mut().zip(&kind) {
            *number += kind;
        }
    }
    Ok(places)
}

/// The direction of the mean of rows: a vector of unit length, or zero if the mean is.
fn direction(rows: &[f32]) -> Vec<f32> {
    // The sum points where the mean does.
    let mut total = vec![0.0; WIDTH];
    for row in rows.chunks_exact(WIDTH) {
        for (total, number) in total.iter_mut().zip(row) {
            *total += number;
        }
    }
    let length = sum_of_squares(&total).sqrt().max(f32::MIN_POSITIVE);
    for number in &mut total {
        *number /= length;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_made_unit_length() {
        let mut rows = vec![0.0; 2 * WIDTH];
        rows[0] = 1.0;
        rows[1] = 4.0;
        rows[WIDTH] = 5.0;
        rows[WIDTH + 1] = 4.0;
        let vector = direction(&rows);
        assert!((vector[0] - 0.6).abs() < 1e-6 && (vector[1] - 0.8).abs() < 1e-6);
        assert!(vector[2..].iter().all(|&number| number == 0.0));
        assert!(direction(&vec![0.0; WIDTH]).iter().all(|&n| n == 0.0));
    }
}
