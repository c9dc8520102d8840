//! What turns messages into a model's tokens and its tokens into text: its vocabulary and its chat form.

use std::io;

use super::gguf::{Gguf, damaged};
use super::template::Marks;
use super::tokens::Tokens;
use crate::Message;

/// No token says more bytes than this on average over a prompt; longer prompts are refused unread.
const MAX_BYTES_PER_TOKEN: usize = 32;

/// The vocabulary of a chat model.
pub(super) struct Vocabulary {
    tokens: Tokens,
    marks: Marks,
}

impl Vocabulary {
    pub(super) fn load(gguf: &Gguf) -> io::Result<Self> {
        let tokens = Tokens::load(gguf)?;
        let marks = Marks::find(&tokens)
            .ok_or_else(|| damaged("it is no chat model: the marks of ChatML are missing"))?;
        Ok(Self { tokens, marks })
    }

    /// The prompt for a reply to `messages`; `Err` with an estimate of its tokens where it cannot possibly fit
    /// into the window, or cannot be made.
    pub(super) fn prompt<'m>(
        &self,
        messages: impl IntoIterator<Item = &'m Message> + Clone,
        window: usize,
    ) -> Result<Vec<u32>, usize> {
        let bytes: usize = messages.clone().into_iter().map(|m| m.text().len()).sum();
        if bytes / MAX_BYTES_PER_TOKEN > window {
            return Err(bytes / 4);
        }
        self.marks
            .prompt(&self.tokens, messages)
            .map_err(|_| bytes / 4)
    }

    /// The tokens that a message takes in a prompt.
    pub(super) fn count(&self, message: &Message) -> Option<usize> {
        let mut tokens = Vec::new();
        self.marks
            .message(&self.tokens, message, &mut tokens)
            .ok()?;
        Some(tokens.len())
    }

    /// The bytes that a token says.
    pub(super) fn bytes(&self, token: u32) -> &[u8] {
        self.tokens.bytes(token)
    }

    /// Whether a token ends a reply.
    pub(super) fn is_end(&self, token: u32) -> bool {
        self.marks.is_end(token)
            || self.tokens.end() == Some(token)
            || self.tokens.control("<|endoftext|>") == Some(token)
    }

    /// Makes sure that the reply does not end with the next token.
    pub(super) fn forbid_end(&self, scores: &mut [f32]) {
        for (token, score) in scores.iter_mut().enumerate() {
            if self.bytes(token as u32).is_empty() {
                *score = f32::NEG_INFINITY;
            }
        }
    }
}
