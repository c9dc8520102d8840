//! The kernel for processors with AVX-512 VNNI.

#![expect(
    unsafe_code,
    reason = "vector loads take raw pointers; each points to an aligned array of the vector's size"
)]

use std::arch::x86_64::{
    __m512, __m512i, _mm256_load_si256, _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_load_si512, _mm512_loadu_ps, _mm512_mul_ps, _mm512_reduce_add_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_storeu_ps,
};

use super::mutual::{Mutual, SIZE};
use super::{Activations, Attention, BLOCK_LANES, Group, Lane, Results, Scales};
use crate::local::activations::Block;

/// Tokens that share each load of weights: as many as there are registers for.
const TILE: usize = 8;

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn multiply(group: Group<'_>, tokens: &Activations, out: &mut [Results]) {
    let mut first = 0;
    while first < out.len() {
        let rest = &mut out[first..];
        first += match rest.len() {
            TILE.. => tile::<TILE>(group, tokens, first, rest),
            4.. => tile::<4>(group, tokens, first, rest),
            2.. => tile::<2>(group, tokens, first, rest),
            _ => tile::<1>(group, tokens, first, rest),
        };
    }
}

/// Multiplies with `N` tokens from `first` on; gives back `N`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn tile<const N: usize>(
    group: Group<'_>,
    tokens: &Activations,
    first: usize,
    out: &mut [Results],
) -> usize {
    let rows: [&[Block]; N] = std::array::from_fn(|n| tokens.row(first + n));
    let mut totals = [_mm512_setzero_ps(); N];
    let (lanes, _) = group.lanes.as_chunks::<BLOCK_LANES>();
    for (block, (lanes, scales)) in lanes.iter().zip(group.scales).enumerate() {
        // The weights are 128 too large; `offset` takes that back.
        let mut dots = [_mm512_setzero_si512(); N];
        for (dot, row) in dots.iter_mut().zip(rows) {
            *dot = _mm512_set1_epi32(row[block].offset);
        }
        // One lane after the other: loading all of them first would go through memory.
        for (j, lane) in lanes.iter().enumerate() {
            let weight = load(lane);
            for (dot, row) in dots.iter_mut().zip(rows) {
                *dot = _mm512_dpbusd_epi32(*dot, weight, _mm512_set1_epi32(row[block].quads[j]));
            }
        }
        let scales = load_scales(scales);
        for ((total, dot), row) in totals.iter_mut().zip(dots).zip(rows) {
            let scale = _mm512_mul_ps(scales, _mm512_set1_ps(row[block].scale));
            *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, *total);
        }
    }
    for (total, out) in totals.into_iter().zip(out) {
        // SAFETY: a `Results` is sixteen numbers, which is what one vector holds.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), total) };
    }
    N
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(lane: &Lane) -> __m512i {
    // SAFETY: a lane is 64 bytes and aligned to 64.
    unsafe { _mm512_load_si512(std::ptr::from_ref(lane).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_scales(scales: &Scales) -> __m512 {
    // SAFETY: sixteen halves are 32 bytes, aligned to 32.
    _mm512_cvtph_ps(unsafe { _mm256_load_si256(std::ptr::from_ref(scales).cast()) })
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn attend(attention: &mut Attention<'_>) {
    attention.run(|a, b| dot(a, b));
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<16>();
    let (b_chunks, b_rest) = b.as_chunks::<16>();
    let mut total = _mm512_setzero_ps();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        // SAFETY: a chunk is sixteen numbers, which is what one vector holds.
        let (a, b) = unsafe { (_mm512_loadu_ps(a.as_ptr()), _mm512_loadu_ps(b.as_ptr())) };
        total = _mm512_fmadd_ps(a, b, total);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    _mm512_reduce_add_ps(total) + rest
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn gate(row: &[f32], out: &mut [f32]) {
    super::attention::gate(row, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn gelu(numbers: &mut [f32]) {
    super::gelu::gelu(numbers);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn attend_mutually(attention: &mut Mutual, out: &mut [[f32; SIZE]]) {
    attention.run(out);
}
