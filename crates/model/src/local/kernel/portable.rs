//! The kernel for every other processor, and the one that says what the others must compute.

use super::{Activations, BLOCK_LANES, GROUP_ROWS, Group, Results};
use crate::local::half::f16_to_f32;

pub(super) fn multiply(group: Group<'_>, tokens: &Activations, out: &mut [Results]) {
    out.fill([0.0; GROUP_ROWS]);
    let (lanes, _) = group.lanes.as_chunks::<BLOCK_LANES>();
    for (block, (lanes, scales)) in lanes.iter().zip(group.scales).enumerate() {
        let scales = scales.0.map(f16_to_f32);
        for (n, out) in out.iter_mut().enumerate() {
            let token = &tokens.row(n)[block];
            let mut dots = [0_i32; GROUP_ROWS];
            for (lane, quad) in lanes.iter().zip(token.quads) {
                let quad = quad.to_le_bytes().map(|byte| i32::from(byte as i8));
                let (rows, _) = lane.0.as_chunks::<4>();
                for (dot, row) in dots.iter_mut().zip(rows) {
                    for (weight, number) in row.iter().zip(quad) {
                        *dot += (i32::from(*weight) - 128) * number;
                    }
                }
            }
            for ((out, dot), scale) in out.iter_mut().zip(dots).zip(scales) {
                *out += dot as f32 * scale * token.scale;
            }
        }
    }
}
