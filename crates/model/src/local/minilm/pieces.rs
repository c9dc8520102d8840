//! Text to tokens, with the model's own vocabulary of whole words and pieces of words.

use std::fs;
use std::io;
use std::path::Path;

use tokenizers::{Tokenizer, TruncationParams};

use crate::local::gguf::damaged;

/// The bytes of a text that are looked at. The window is full long before, unless the text is made of what no language
/// has: thousands of blanks, or words of hundreds of letters.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// The vocabulary.
pub(super) struct Pieces(Tokenizer);

impl Pieces {
    /// Reads the vocabulary from the file at `path`; texts are cut to `window` tokens.
    pub(super) fn load(path: &Path, window: usize) -> io::Result<Self> {
        let unreadable = |error| damaged(&format!("the vocabulary cannot be read: {error}"));
        let mut tokenizer = Tokenizer::from_bytes(fs::read(path)?).map_err(unreadable)?;
        // The file asks for 128 tokens, cut or filled up; the model was published with a window of its own.
        let cut = TruncationParams {
            max_length: window,
            ..TruncationParams::default()
        };
        tokenizer.with_truncation(Some(cut)).map_err(unreadable)?;
        tokenizer.with_padding(None);
        Ok(Self(tokenizer))
    }

    /// The tokens of a text, between the mark of its beginning and that of its end: two at least, as many as the
    /// window holds at most.
    pub(super) fn encode(&self, text: &str) -> io::Result<Vec<u32>> {
        let encoding = self.0.encode_fast(beginning(text), true);
        Ok(encoding.map_err(io::Error::other)?.get_ids().to_vec())
    }
}

/// The text, or as many whole characters of it as are looked at.
pub(super) fn beginning(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vocabulary of a few pieces in the form in which the model's own is published.
    fn pieces(window: usize) -> Pieces {
        let file = tempfile::NamedTempFile::new().unwrap();
        let vocabulary = r###"{"version": "1.0", "added_tokens": [],
            "truncation": {"max_length": 128, "strategy": "LongestFirst", "stride": 0},
            "padding": {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": null,
                "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                    "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
            "decoder": null,
            "model": {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "cafe": 4, "walk": 5, "##ing": 6, "犬": 7,
                    "!": 8}}}"###;
        fs::write(file.path(), vocabulary).unwrap();
        Pieces::load(file.path(), window).unwrap()
    }

    #[test]
    fn words_are_cut_into_pieces_between_two_marks() {
        let pieces = pieces(8);
        let encode = |text: &str| pieces.encode(text).unwrap();
        assert_eq!(encode(""), [2, 3]);
        assert_eq!(encode("Café WALKING!"), [2, 4, 5, 6, 8, 3]);
        assert_eq!(encode("犬犬 walked"), [2, 7, 7, 1, 3]);
    }

    #[test]
    fn a_long_text_stands_for_its_beginning() {
        let pieces = pieces(5);
        let long = format!("walking{}", " café".repeat(100_000));
        assert_eq!(pieces.encode(&long).unwrap(), [2, 5, 6, 4, 3]);
        assert_eq!(beginning(&"犬".repeat(50_000)).len(), 65_535);
    }

    #[test]
    fn a_damaged_vocabulary_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "{}").unwrap();
        let error = Pieces::load(file.path(), 8).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
