//! Every kernel computes what plain arithmetic does.

use super::attention::fast_exp;
use super::{Attention, Kernel, MUTUAL_HEAD_SIZE, Mutual};
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
fn a_fine_product_is_nearly_exact_with_whole_weights() {
    // Weights that eight bits hold exactly, so that all that is lost is lost of the input.
    let (rows, columns) = (16, 64);
    let weights: Vec<f32> = (0..rows * columns)
        .map(|at| {
            if at % 32 == 0 {
                127.0
            } else {
                (at % 100) as f32
            }
        })
        .collect();
    let matrix = Matrix::from_rows(columns, &weights);
    let input = numbers(12, columns);
    let (fine, coarse) = (matrix.multiply_fine(&input), matrix.multiply(&input));
    let off = |out: &[f32]| {
        let rows = weights.chunks(columns).zip(out);
        let off = rows.map(|(row, out)| {
            let exact: f32 = input.iter().zip(row).map(|(a, b)| a * b).sum();
            (exact - out).abs()
        });
        off.fold(0.0, f32::max)
    };
    assert!(
        off(&fine) * 20.0 < off(&coarse),
        "{} and {}",
        off(&fine),
        off(&coarse)
    );
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
fn kernels_agree_on_the_curve() {
    let mut expected = numbers(8, 100);
    Kernel::Portable.gelu(&mut expected);
    for kernel in Kernel::available() {
        let mut out = numbers(8, 100);
        kernel.gelu(&mut out);
        for (a, b) in out.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-6, "{kernel:?}: {a} and {b}");
        }
    }
}

#[test]
fn attention_is_a_weighted_mean() {
    // A whole piece, half of one, and two numbers beyond.
    let (size, positions) = (98, 5);
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
fn tokens_that_see_one_another_see_what_attention_says() {
    let size = MUTUAL_HEAD_SIZE;
    for tokens in [1, 3, 4, 16, 17, 37] {
        let parts = [9, 10, 11].map(|seed| numbers(seed, size * tokens));
        let [queries, keys, values] = &parts;
        let mut expected = vec![0.0; size * tokens];
        Kernel::Portable.attend(&mut Attention {
            queries,
            keys,
            values,
            head_size: size,
            weights: &mut Vec::new(),
            out: &mut expected,
        });
        for kernel in Kernel::available() {
            let mut mutual = Mutual::default();
            // What an earlier text left must not matter.
            mutual.add(&[9.0; 32], &[9.0; 32], &[9.0; 32]);
            mutual.clear();
            let rows = parts
                .each_ref()
                .map(|part| part.as_chunks::<MUTUAL_HEAD_SIZE>().0);
            for ((query, key), value) in rows[0].iter().zip(rows[1]).zip(rows[2]) {
                mutual.add(query, key, value);
            }
            let mut out = vec![[0.0; MUTUAL_HEAD_SIZE]; tokens];
            kernel.attend_mutually(&mut mutual, &mut out);
            for (a, b) in out.as_flattened().iter().zip(&expected) {
                assert!((a - b).abs() < 1e-5, "{kernel:?} {tokens}: {a} and {b}");
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
