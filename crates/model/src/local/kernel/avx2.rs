//! The kernel for processors with AVX2, which nearly every x86 server of the last ten years has.

#![expect(
    unsafe_code,
    reason = "vector loads take raw pointers; each points to an aligned array of the vector's size"
)]

use std::arch::x86_64::{
    __m256, __m256i, _mm_load_si128, _mm256_abs_epi8, _mm256_add_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_load_si256, _mm256_loadu_ps, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps,
    _mm256_xor_si256,
};

use super::mutual::{Mutual, SIZE};
use super::{Activations, Attention, BLOCK_LANES, GROUP_ROWS, Group, Lane, Results, Scales};
use crate::local::activations::Block;

/// Tokens that share each load of weights.
const TILE: usize = 4;

/// Rows that fit into one vector: half a group.
const HALF: usize = GROUP_ROWS / 2;

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn multiply(group: Group<'_>, tokens: &Activations, out: &mut [Results]) {
    for half in 0..2 {
        let mut first = 0;
        while first < out.len() {
            let rest = &mut out[first..];
            first += match rest.len() {
                TILE.. => tile::<TILE>(group, half, tokens, first, rest),
                2.. => tile::<2>(group, half, tokens, first, rest),
                _ => tile::<1>(group, half, tokens, first, rest),
            };
        }
    }
}

/// Multiplies one half of the rows with `N` tokens from `first` on; gives back `N`.
#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const N: usize>(
    group: Group<'_>,
    half: usize,
    tokens: &Activations,
    first: usize,
    out: &mut [Results],
) -> usize {
    let rows: [&[Block]; N] = std::array::from_fn(|n| tokens.row(first + n));
    let mut totals = [_mm256_setzero_ps(); N];
    let (lanes, _) = group.lanes.as_chunks::<BLOCK_LANES>();
    for (block, (lanes, scales)) in lanes.iter().zip(group.scales).enumerate() {
        let mut dots = [_mm256_setzero_si256(); N];
        for (j, lane) in lanes.iter().enumerate() {
            // Signed again: the instruction wants the magnitude here and the sign on the other side.
            let weight = _mm256_xor_si256(load(lane, half), _mm256_set1_epi8(-128));
            let magnitude = _mm256_abs_epi8(weight);
            for (dot, row) in dots.iter_mut().zip(rows) {
                let quad = _mm256_set1_epi32(row[block].quads[j]);
                let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(quad, weight));
                *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
        }
        let scales = load_scales(scales, half);
        for ((total, dot), row) in totals.iter_mut().zip(dots).zip(rows) {
            let scale = _mm256_set1_ps(row[block].scale);
            let scale = _mm256_mul_ps(scales, scale);
            *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, *total);
        }
    }
    for (total, out) in totals.into_iter().zip(out) {
        let out = &mut out[half * HALF..][..HALF];
        // SAFETY: the slice is eight numbers, which is what one vector holds.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), total) };
    }
    N
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(lane: &Lane, half: usize) -> __m256i {
    let bytes = &lane.0[half * 32..][..32];
    // SAFETY: the slice is 32 bytes, and a lane's halves are aligned to 32.
    unsafe { _mm256_load_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn load_scales(scales: &Scales, half: usize) -> __m256 {
    let halves = &scales.0[half * HALF..][..HALF];
    // SAFETY: the slice is 16 bytes, and the halves of a `Scales` are aligned to 16.
    _mm256_cvtph_ps(unsafe { _mm_load_si128(halves.as_ptr().cast()) })
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn attend(attention: &mut Attention<'_>) {
    attention.run(|a, b| dot(a, b));
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    let mut total = _mm256_setzero_ps();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        // SAFETY: a chunk is eight numbers, which is what one vector holds.
        let (a, b) = unsafe { (_mm256_loadu_ps(a.as_ptr()), _mm256_loadu_ps(b.as_ptr())) };
        total = _mm256_fmadd_ps(a, b, total);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let mut lanes = [0.0; 8];
    // SAFETY: as above.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), total) };
    let four: [f32; 4] = std::array::from_fn(|i| lanes[i] + lanes[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3]) + rest
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn gate(row: &[f32], out: &mut [f32]) {
    super::attention::gate(row, out);
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn gelu(numbers: &mut [f32]) {
    super::gelu::gelu(numbers);
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn attend_mutually(attention: &mut Mutual, out: &mut [[f32; SIZE]]) {
    attention.run(out);
}
