//! Distinct texts of random words, so that a benchmark's file size is not flattered by compression.

use std::sync::OnceLock;

const TEXTS: usize = 997;
const TEXT_CHARS: usize = 200;
const VOCABULARY: usize = 2000;
const SEED: u64 = 7;

/// 997 distinct texts of exactly 200 characters, made of random words of 2 to 9 letters from a vocabulary of
/// 2,000. The same texts in every process.
pub fn words() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let mut random = SplitMix(SEED);
        let vocabulary: Vec<String> = (0..VOCABULARY).map(|_| word(&mut random)).collect();
        (0..TEXTS).map(|_| text(&mut random, &vocabulary)).collect()
    })
}

fn word(random: &mut SplitMix) -> String {
    let letters = 2 + random.below(8);
    (0..letters)
        .map(|_| char::from(b'a' + random.below(26) as u8))
        .collect()
}

fn text(random: &mut SplitMix, vocabulary: &[String]) -> String {
    let mut text = String::with_capacity(TEXT_CHARS + 10);
    while text.len() < TEXT_CHARS {
        text.push_str(&vocabulary[random.below(vocabulary.len())]);
        text.push(' ');
    }
    text.truncate(TEXT_CHARS);
    text
}

/// Steele, Lea and Flood's SplitMix64: a few lines that never change, unlike a library's default generator.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
