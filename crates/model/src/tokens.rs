//! An estimate of tokens for models whose tokenizer is not at hand.

use std::sync::Arc;

use crate::Message;

/// Tokens that a chat template spends on a message besides its text (OpenAI documents 3 a message and 3
/// for the reply's opening).
const TOKENS_PER_MESSAGE: usize = 4;

/// How many tokens these messages take, roughly.
///
/// English prose has about 4 bytes a token, and a CJK character (3 bytes) is about one token, so a token
/// is taken as 4 bytes of ASCII or 3 bytes of anything else. Tool calls count as the JSON they are. The
/// estimate is meant for budgets that leave a tenth in reserve.
pub fn estimate_tokens(messages: &[Arc<Message>]) -> usize {
    messages
        .iter()
        .map(|message| estimate_message(message))
        .sum()
}

fn estimate_message(message: &Message) -> usize {
    let calls: usize = message
        .tool_calls
        .iter()
        .map(|call| estimate_text(&call.name) + estimate_text(&call.args.to_string()))
        .sum();
    TOKENS_PER_MESSAGE + estimate_text(&message.text()) + calls
}

fn estimate_text(text: &str) -> usize {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    ascii.div_ceil(4) + (text.len() - ascii).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_four_bytes_a_token_and_other_scripts_three() {
        assert_eq!(estimate_text("abcdefgh"), 2);
        assert_eq!(estimate_text("日本"), 2);
        assert_eq!(estimate_tokens(&[Message::human("hi").into()]), 5);
        assert_eq!(estimate_tokens(&[]), 0);
    }
}
