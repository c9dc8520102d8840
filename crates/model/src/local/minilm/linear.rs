//! A matrix, and numbers that are added to its products.

use std::io;

use rayon::prelude::*;

use crate::local::matrix::Matrix;
use crate::local::tensors::Tensors;

/// A linear map.
pub(super) struct Linear {
    matrix: Matrix,
    bias: Vec<f32>,
}

impl Linear {
    /// Reads the maps `names` as one, so that their input of `columns` numbers is prepared once; each gives `rows`
    /// numbers.
    pub(super) fn load(
        tensors: &Tensors<'_>,
        names: &[String],
        columns: usize,
        rows: usize,
    ) -> io::Result<Self> {
        let weights: Vec<String> = names.iter().map(|name| format!("{name}.weight")).collect();
        let mut bias = Vec::with_capacity(rows * names.len());
        for name in names {
            bias.extend(tensors.vector(&format!("{name}.bias"), rows)?);
        }
        let matrix = tensors.matrix(&weights, columns)?;
        if matrix.rows() != bias.len() {
            let what = format!("the matrices {names:?} have the wrong shape");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Self { matrix, bias })
    }

    /// Maps rows of numbers, one a token.
    pub(super) fn apply(&self, input: &[f32]) -> Vec<f32> {
        self.with_bias(self.matrix.multiply(input))
    }

    /// The same with less error, for input in which a few numbers are much larger than the rest.
    pub(super) fn apply_fine(&self, input: &[f32]) -> Vec<f32> {
        self.with_bias(self.matrix.multiply_fine(input))
    }

    fn with_bias(&self, mut out: Vec<f32>) -> Vec<f32> {
        out.par_chunks_mut(self.bias.len()).for_each(|row| {
            for (number, bias) in row.iter_mut().zip(&self.bias) {
                *number += bias;
            }
        });
        out
    }
}
