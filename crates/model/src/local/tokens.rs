//! Text to tokens and back, with the vocabulary of a GGUF file.

mod bytes;

use std::io;

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

use super::gguf::{Gguf, Value, damaged};

/// Qwen2's way to cut text before it is made into tokens, from its published tokenizer.
const QWEN2_PATTERN: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// What a token is, in GGUF's numbers: only tokens of control are of interest here.
const CONTROL: f64 = 3.0;

/// A vocabulary.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    /// What each token says; tokens of control say nothing.
    bytes: Vec<Box<[u8]>>,
    names: Vec<(String, u32)>,
    end: Option<u32>,
}

impl Tokens {
    /// Reads the vocabulary.
    pub(super) fn load(gguf: &Gguf) -> io::Result<Self> {
        let model = gguf.text("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(damaged(&format!(
                "vocabularies of type `{model}` are not supported"
            )));
        }
        let texts = gguf.texts("tokenizer.ggml.tokens")?;
        let kinds = gguf.get("tokenizer.ggml.token_type").ok();
        let kinds = kinds.and_then(Value::as_numbers).unwrap_or(&[]);
        let is_control = |at: usize| kinds.get(at) == Some(&CONTROL);
        let named = texts.iter().enumerate().filter(|(at, _)| is_control(*at));
        let bytes = texts.iter().enumerate().map(|(at, text)| {
            if is_control(at) {
                return Box::default();
            }
            bytes::of_token(text)
        });
        Ok(Self {
            tokenizer: build(gguf, texts)?,
            bytes: bytes.collect(),
            names: named.map(|(at, text)| (text.clone(), at as u32)).collect(),
            end: gguf
                .count("tokenizer.ggml.eos_token_id")
                .ok()
                .map(|id| id as u32),
        })
    }

    /// The tokens of a text. Whatever it says, no token of control is among them: nobody can end his message
    /// and begin another's by writing the mark for it.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, tokenizers::Error> {
        Ok(self.tokenizer.encode_fast(text, false)?.get_ids().to_vec())
    }

    /// The token of control with this name, such as `<|im_end|>`.
    pub(super) fn control(&self, name: &str) -> Option<u32> {
        let named = self.names.iter().find(|(text, _)| text == name);
        named.map(|(_, token)| *token)
    }

    /// The token that ends a reply.
    pub(super) fn end(&self) -> Option<u32> {
        self.end
    }

    /// The bytes that a token says; possibly a part of a character.
    pub(super) fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], |bytes| bytes)
    }
}

fn build(gguf: &Gguf, texts: &[String]) -> io::Result<Tokenizer> {
    let vocabulary: Vocab = texts.iter().cloned().zip(0..).collect();
    let merges: Merges = gguf
        .texts("tokenizer.ggml.merges")?
        .iter()
        .filter_map(|merge| merge.split_once(' '))
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .collect();
    let bpe = BPE::builder().vocab_and_merges(vocabulary, merges).build();
    let mut tokenizer = Tokenizer::new(bpe.map_err(io::Error::other)?);
    let cut = cutter(gguf.text("tokenizer.ggml.pre").unwrap_or("default"))?;
    tokenizer.with_pre_tokenizer(Some(Sequence::new(cut)));
    Ok(tokenizer)
}

fn cutter(name: &str) -> io::Result<Vec<PreTokenizerWrapper>> {
    match name {
        "qwen2" => {
            let pattern = SplitPattern::Regex(QWEN2_PATTERN.to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
            let split = split.map_err(io::Error::other)?;
            Ok(vec![
                split.into(),
                ByteLevel::new(false, true, false).into(),
            ])
        }
        "smollm" => Ok(vec![
            Digits::new(true).into(),
            ByteLevel::new(false, true, true).into(),
        ]),
        other => Err(damaged(&format!(
            "texts cut the `{other}` way are not supported"
        ))),
    }
}
