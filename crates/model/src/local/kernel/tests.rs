//! Every kernel computes what plain arithmetic does.

use super::attention::fast_exp;
use super::{Attention, Kernel};
use crate::local::activations::Activations;
use crate::local::matrix::Matrix;

/// Numbers between -1 and 1 that look random and are the same each time.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn kernels_agree_with_plain_arithmetic() {
    let (rows, columns) = (40, 96);
    let weights = numbers(1, rows * columns);
    let matrix = Matrix::from_rows(columns, &weights);
    for tokens in [1, 2, 3, 7, 8, 13] {
        let inputs = numbers(2, tokens * columns);
        let activations = Activations::quantise(&inputs, columns);
        for kernel in Kernel::available() {
            let out = matrix.multiply_with(kernel, &activations);
            for (t, input) in inputs.chunks(columns).enumerate() {
                for (r, row) in weights.chunks(columns).enumerate() {
                    let exact: f32 = input.iter().zip(row).map(|(a, b)| a * b).sum();
                    let got = out[t * rows + r];
                    assert!(
                        (got - exact).abs() < 0.1,
                        "{kernel:?} {tokens}: {got} for {exact}"
                    );
                }
            }
        }
    }
}

#[test]
fn kernels_agree_with_each_other() {
    let matrix = Matrix::from_rows(64, &numbers(3, 64 * 33));
    let activations = Activations::quantise(&numbers(4, 64 * 9), 64);
    let portable = matrix.multiply_with(Kernel::Portable, &activations);
    for kernel in Kernel::available() {
        let out = matrix.multiply_with(kernel, &activations);
        for (a, b) in out.iter().zip(&portable) {
            assert!((a - b).abs() < 1e-4, "{kernel:?}: {a} and {b}");
        }
    }
}

#[test]
fn attention_is_a_weighted_mean() {
    let (size, positions) = (24, 5);
    let (queries, keys) = (numbers(5, size * 2), numbers(6, size * positions));
    let values = numbers(7, size * positions);
    for kernel in Kernel::available() {
        let mut out = vec![0.0; size * 2];
        kernel.attend(&mut Attention {
            queries: &queries,
            keys: &keys,
            values: &values,
            head_size: size,
            weights: &mut Vec::new(),
            out: &mut out,
        });
        for (query, out) in queries.chunks(size).zip(out.chunks(size)) {
            let score = |key: &[f32]| -> f64 {
                let dot: f32 = query.iter().zip(key).map(|(a, b)| a * b).sum();
                (f64::from(dot) / (size as f64).sqrt()).exp()
            };
            let total: f64 = keys.chunks(size).map(score).sum();
            for (d, out) in out.iter().enumerate() {
                let weighted = keys.chunks(size).zip(values.chunks(size));
                let mean: f64 = weighted.map(|(k, v)| score(k) * f64::from(v[d])).sum();
                assert!((f64::from(*out) - mean / total).abs() < 1e-5, "{kernel:?}");
            }
        }
    }
}

#[test]
fn the_quick_exponential_is_close() {
    for i in -800..=800 {
        let x = i as f32 / 10.0;
        let relative = (fast_exp(x) / x.exp() - 1.0).abs();
        assert!(relative < 1e-5, "exp({x}) is off by {relative}");
    }
}
