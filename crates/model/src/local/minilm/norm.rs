//! What keeps numbers in bounds between the parts of a layer: layer normalisation (Ba et al., 2016).

use std::io;

use rayon::prelude::*;

use crate::local::kernel::{sum, sum_of_squares};
use crate::local::tensors::Tensors;

/// What keeps a norm from dividing by nothing.
const EPSILON: f32 = 1e-12;

/// Moves each row to a mean of zero and a variance of one, then by learned numbers.
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    /// Reads the norm `name`, of rows of `width` numbers.
    pub(super) fn load(tensors: &Tensors<'_>, name: &str, width: usize) -> io::Result<Self> {
        Ok(Self {
            weight: tensors.vector(&format!("{name}.weight"), width)?,
            bias: tensors.vector(&format!("{name}.bias"), width)?,
        })
    }

    /// Normalises `rows`.
    pub(super) fn apply(&self, rows: &mut [f32]) {
        rows.par_chunks_mut(self.weight.len())
            .for_each(|row| self.apply_to(row));
    }

    /// Normalises the sums of `rows` and `more`, in the place of `rows`.
    pub(super) fn apply_to_sum(&self, rows: &mut [f32], more: &[f32]) {
        let width = self.weight.len();
        let pairs = rows.par_chunks_mut(width).zip(more.par_chunks(width));
        pairs.for_each(|(row, more)| {
            for (number, more) in row.iter_mut().zip(more) {
                *number += more;
            }
            self.apply_to(row);
        });
    }

    fn apply_to(&self, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = sum(row) / count;
        for number in row.iter_mut() {
            *number -= mean;
        }
        let scale = 1.0 / (sum_of_squares(row) / count + EPSILON).sqrt();
        for ((number, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
            *number = *number * scale * weight + bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_centred_and_scaled() {
        let norm = Norm {
            weight: vec![1.0, 1.0, 2.0, 1.0],
            bias: vec![0.0, 0.0, 0.0, 10.0],
        };
        let mut rows = [1.0, 3.0, 1.0, 3.0, 0.0, 0.0, 0.0, 0.0];
        norm.apply(&mut rows);
        assert_eq!(rows, [-1.0, 1.0, -2.0, 11.0, 0.0, 0.0, 0.0, 10.0]);
        let mut rows = [0.0; 4];
        norm.apply_to_sum(&mut rows, &[1.0, 3.0, 1.0, 3.0]);
        assert_eq!(rows, [-1.0, 1.0, -2.0, 11.0]);
    }
}
