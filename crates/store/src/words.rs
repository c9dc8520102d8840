//! Words as search sees them: the one rule by which text is split and folded, in the index, in the part that is not
//! indexed yet and in snippets, so that the three never disagree.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest part of a word that counts, in characters.
const MAX_WORD_CHARS: usize = 64;

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word<'a> {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// Without case and accents, at most 64 characters.
    pub folded: Cow<'a, str>,
}

/// The words of a text, in order: runs of letters, digits and the marks on them. A character of a script that is
/// written without spaces (Han, Hiragana, Katakana) is a word of its own.
pub fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = chars.by_ref().find(|(_, c)| c.is_alphanumeric())?;
        let mut end = start + first.len_utf8();
        let alone = stands_alone(first);
        while let Some(&(at, c)) = chars.peek() {
            if !goes_on(c, alone) {
                break;
            }
            end = at + c.len_utf8();
            chars.next();
        }
        Some(Word {
            range: start..end,
            folded: fold(&text[start..end]),
        })
    })
}

/// Whether a character belongs to the word before it, which may be one that stands alone.
fn goes_on(c: char, alone: bool) -> bool {
    if c.is_ascii() {
        return !alone && c.is_ascii_alphanumeric(); // Most are, and looking up marks takes long.
    }
    is_combining_mark(c) || (!alone && c.is_alphanumeric() && !stands_alone(c))
}

/// Han, Hiragana and Katakana.
fn stands_alone(c: char) -> bool {
    matches!(
        u32::from(c),
        0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF
    )
}

fn fold(word: &str) -> Cow<'_, str> {
    if word.is_ascii() && word.len() <= MAX_WORD_CHARS {
        if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(word.to_ascii_lowercase());
        }
        return Cow::Borrowed(word);
    }
    let folded: String = word
        .nfkd()
        .filter(|c| !is_accent(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric() || is_combining_mark(*c))
        .filter(|c| !is_accent(*c))
        .nfc()
        .take(MAX_WORD_CHARS)
        .collect();
    if folded.is_empty() {
        return Cow::Borrowed(word);
    }
    Cow::Owned(folded)
}

/// Marks that people leave out when they search. Vowel signs of Indic scripts are letters and stay.
fn is_accent(c: char) -> bool {
    matches!(
        u32::from(c),
        0x0300..=0x036F
            | 0x0591..=0x05C7
            | 0x064B..=0x0652
            | 0x1AB0..=0x1AFF
            | 0x1DC0..=0x1DFF
            | 0x20D0..=0x20FF
            | 0xFE20..=0xFE2F
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).map(|word| word.folded.into_owned()).collect()
    }

    #[test]
    fn case_and_accents_do_not_matter() {
        assert_eq!(
            folded("Élan, CAFÉ naïve e\u{301}a"),
            ["elan", "cafe", "naive", "ea"]
        );
        assert_eq!(folded("ΑΘΉΝΑ İstanbul"), ["αθηνα", "istanbul"]);
    }

    #[test]
    fn anything_but_letters_and_digits_parts_words() {
        assert_eq!(
            folded("a\"b OR c* NEAR(d)\0e"),
            ["a", "b", "or", "c", "near", "d", "e"]
        );
        assert_eq!(folded("…—\u{E000}\u{10FFFF}"), Vec::<String>::new());
    }

    #[test]
    fn han_characters_stand_alone_and_indic_words_hold_together() {
        assert_eq!(folded("我喜欢cat"), ["我", "喜", "欢", "cat"]);
        assert_eq!(folded("हिन्दी भाषा").len(), 2);
    }

    #[test]
    fn ranges_name_the_text_as_written() {
        let text = "say Ünal!";
        let found: Vec<&str> = words(text).map(|word| &text[word.range]).collect();
        assert_eq!(found, ["say", "Ünal"]);
    }

    #[test]
    fn a_huge_word_counts_by_its_beginning() {
        let huge = "x".repeat(5_000_000);
        assert_eq!(folded(&huge), ["x".repeat(MAX_WORD_CHARS)]);
    }
}
