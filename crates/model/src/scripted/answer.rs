//! The fixed-length reply that repeats the question.

use crate::{ChatRequest, Role};

/// Characters of every echoed reply.
const REPLY_CHARS: usize = 200;

const OPENING: &str = "You said: ";

/// `You said: ` and the last thing a person said, again and again, up to exactly 200 characters.
pub(super) fn echo(request: &ChatRequest) -> String {
    let last = request.messages.iter().rev();
    let question = last
        .into_iter()
        .find(|message| message.role() == Role::Human)
        .map(|message| message.text())
        .unwrap_or_default();
    let question = if question.is_empty() {
        "nothing"
    } else {
        &question
    };
    if question.is_ascii() {
        return echo_ascii(question);
    }
    let again = question.chars().chain([' ']).cycle();
    OPENING.chars().chain(again).take(REPLY_CHARS).collect()
}

fn echo_ascii(question: &str) -> String {
    let mut reply = String::with_capacity(REPLY_CHARS);
    reply.push_str(OPENING);
    while reply.len() < REPLY_CHARS {
        let room = REPLY_CHARS - reply.len();
        reply.push_str(&question[..question.len().min(room)]);
        if reply.len() < REPLY_CHARS {
            reply.push(' ');
        }
    }
    reply
}

/// The first half of a text, by characters.
pub(super) fn first_half(text: &str) -> &str {
    let half = text.chars().count() / 2;
    let end = text.char_indices().nth(half).map_or(0, |(at, _)| at);
    &text[..end]
}
