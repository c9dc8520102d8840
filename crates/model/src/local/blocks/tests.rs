//! Each format, on blocks whose numbers can be worked out by hand.

use super::BlockFormat;

fn decode(format: BlockFormat, bytes: &[u8]) -> Vec<f32> {
    let mut out = Vec::new();
    format.decode(bytes, &mut out);
    out
}

const ONE: [u8; 2] = 0x3c00_u16.to_le_bytes();

#[test]
fn eight_bits_are_scaled() {
    let block: Vec<u8> = ONE
        .into_iter()
        .chain((0..32).map(|i| (i - 16_i8) as u8))
        .collect();
    let expected: Vec<f32> = (-16_i8..16).map(f32::from).collect();
    assert_eq!(decode(BlockFormat::Q8_0, &block), expected);
}

#[test]
fn nibbles_come_low_first() {
    let nibbles: Vec<u8> = (0..16).map(|i| i | ((15 - i) << 4)).collect();
    let up = (0..16).map(|i| i as f32);
    let down = (0..16).map(|i| 15.0 - i as f32);

    let block = [&ONE[..], &nibbles].concat();
    let expected: Vec<f32> = up.clone().chain(down.clone()).map(|q| q - 8.0).collect();
    assert_eq!(decode(BlockFormat::Q4_0, &block), expected);

    let block = [&ONE[..], &ONE, &nibbles].concat();
    let expected: Vec<f32> = up.clone().chain(down.clone()).map(|q| q + 1.0).collect();
    assert_eq!(decode(BlockFormat::Q4_1, &block), expected);

    let block = [&ONE[..], &[0xff, 0xff, 0, 0], &nibbles].concat();
    let expected: Vec<f32> = up.clone().chain(down.clone().map(|q| q - 16.0)).collect();
    assert_eq!(decode(BlockFormat::Q5_0, &block), expected);

    let block = [&ONE[..], &ONE, &[0xff, 0xff, 0, 0], &nibbles].concat();
    let expected: Vec<f32> = up.map(|q| q + 17.0).chain(down.map(|q| q + 1.0)).collect();
    assert_eq!(decode(BlockFormat::Q5_1, &block), expected);
}

#[test]
fn sub_blocks_have_scales_and_minima_of_six_bits() {
    // Scales 1..=4 and 33..=36, minima 5..=8 and 49..=52.
    let packed = [
        1 | 2 << 6,
        2 | 2 << 6,
        3 | 2 << 6,
        4 | 2 << 6,
        5 | 3 << 6,
        6 | 3 << 6,
        7 | 3 << 6,
        8 | 3 << 6,
        1 | 1 << 4,
        2 | 2 << 4,
        3 | 3 << 4,
        4 | 4 << 4,
    ];
    let block = [&ONE[..], &ONE, &packed, &[0x21; 128]].concat();
    let out = decode(BlockFormat::Q4K, &block);
    let firsts: Vec<f32> = out.chunks(32).map(|sub| sub[0]).collect();
    assert_eq!(
        firsts,
        [
            1.0 - 5.0,
            4.0 - 6.0,
            3.0 - 7.0,
            8.0 - 8.0,
            33.0 - 49.0,
            68.0 - 50.0,
            35.0 - 51.0,
            72.0 - 52.0
        ]
    );
    assert_eq!(out.len(), 256);

    let block = [&ONE[..], &ONE, &packed, &[0b10; 32], &[0x21; 128]].concat();
    let out = decode(BlockFormat::Q5K, &block);
    assert_eq!((out[0], out[32]), (1.0 - 5.0, 2.0 * 18.0 - 6.0));
}

#[test]
fn six_bits_are_four_and_two() {
    let mut block = [0_u8; 210];
    block[..128].fill(0x21);
    block[128..192].fill(0b11_10_01_00);
    block[192..208].fill(2);
    block[208..].copy_from_slice(&ONE);
    let out = decode(BlockFormat::Q6K, &block);
    let firsts: Vec<f32> = out.chunks(32).map(|sub| sub[0]).collect();
    let half = [
        2.0 * (1.0 - 32.0),
        2.0 * (17.0 - 32.0),
        2.0 * (34.0 - 32.0),
        2.0 * (50.0 - 32.0),
    ];
    assert_eq!(firsts, [half, half].concat());
}
