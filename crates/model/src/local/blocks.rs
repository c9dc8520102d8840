//! The block formats of ggml in which tensors are stored, and how to read each as numbers.
//!
//! Layouts are those of ggml's `ggml-common.h`: small integers that share a scale, 32 or 256 at a time.

use super::half::f16_to_f32;

/// How a tensor's numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockFormat {
    F32,
    F16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

impl BlockFormat {
    /// The format with ggml's number `kind`, if it is one of ours.
    pub(super) fn from_ggml(kind: u32) -> Option<Self> {
        Some(match kind {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            _ => return None,
        })
    }

    /// Numbers in a block.
    pub(super) const fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes of a block.
    pub(super) const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Appends the numbers of whole blocks to `out`.
    pub(super) fn decode(self, bytes: &[u8], out: &mut Vec<f32>) {
        for block in bytes.chunks_exact(self.block_bytes()) {
            match self {
                Self::F32 => out.push(f32::from_le_bytes([block[0], block[1], block[2], block[3]])),
                Self::F16 => out.push(f16(block)),
                Self::Q8_0 => {
                    let scale = f16(block);
                    out.extend(block[2..].iter().map(|&q| scale * f32::from(q as i8)));
                }
                Self::Q4_0 => small(f16(block), -8.0, &block[2..18], None, out),
                Self::Q5_0 => small(
                    f16(block),
                    -16.0,
                    &block[6..22],
                    Some(high_bits(&block[2..])),
                    out,
                ),
                Self::Q4_1 => with_minimum(block, &block[4..20], None, out),
                Self::Q5_1 => with_minimum(block, &block[8..24], Some(high_bits(&block[4..])), out),
                Self::Q4K => sub_blocks(block, None, &block[16..144], out),
                Self::Q5K => sub_blocks(block, Some(&block[16..48]), &block[48..176], out),
                Self::Q6K => six_bits(block, out),
            }
        }
    }
}

fn f16(bytes: &[u8]) -> f32 {
    f16_to_f32(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn high_bits(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The 32 small integers of 16 bytes: low nibbles first, then high ones, each with a fifth bit from `high`.
fn nibbles(bytes: &[u8], high: Option<u32>) -> [f32; 32] {
    let high = high.unwrap_or(0);
    std::array::from_fn(|i| {
        let nibble = (bytes[i % 16] >> (i / 16 * 4)) & 15;
        f32::from(nibble | ((((high >> i) & 1) as u8) << 4))
    })
}

fn small(scale: f32, shift: f32, bytes: &[u8], high: Option<u32>, out: &mut Vec<f32>) {
    out.extend(nibbles(bytes, high).map(|q| scale * (q + shift)));
}

fn with_minimum(block: &[u8], bytes: &[u8], high: Option<u32>, out: &mut Vec<f32>) {
    let (scale, minimum) = (f16(block), f16(&block[2..]));
    out.extend(nibbles(bytes, high).map(|q| scale * q + minimum));
}

/// Q4_K and Q5_K: eight sub-blocks of 32, each with a six-bit scale and a six-bit minimum.
fn sub_blocks(block: &[u8], high: Option<&[u8]>, low: &[u8], out: &mut Vec<f32>) {
    let (scale, minimum) = (f16(block), f16(&block[2..]));
    for j in 0..8 {
        let (s, m) = six_bit_pair(&block[4..16], j);
        let (s, m) = (scale * f32::from(s), minimum * f32::from(m));
        let bytes = &low[j / 2 * 32..][..32];
        out.extend((0..32).map(|i| {
            let nibble = (bytes[i] >> (j % 2 * 4)) & 15;
            let fifth = high.map_or(0, |high| (high[i] >> j) & 1);
            s * f32::from(nibble | (fifth << 4)) - m
        }));
    }
}

/// The `j`-th scale and minimum of the twelve bytes into which eight pairs of six bits are packed.
fn six_bit_pair(packed: &[u8], j: usize) -> (u8, u8) {
    if j < 4 {
        return (packed[j] & 63, packed[j + 4] & 63);
    }
    let scale = (packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4);
    let minimum = (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4);
    (scale, minimum)
}

/// Q6_K: sixteen sub-blocks of 16 with an eight-bit scale each; four low bits and two high bits apart.
fn six_bits(block: &[u8], out: &mut Vec<f32>) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = f16(&block[208..]);
    for i in 0..256 {
        let (half, quarter, l) = (i / 128, i % 128 / 32, i % 32);
        let nibble = (low[half * 64 + quarter % 2 * 32 + l] >> (quarter / 2 * 4)) & 15;
        let two = (high[half * 32 + l] >> (quarter * 2)) & 3;
        let q = f32::from(nibble | (two << 4)) - 32.0;
        out.push(scale * f32::from(scales[i / 16] as i8) * q);
    }
}

#[cfg(test)]
mod tests;
