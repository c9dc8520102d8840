//! What of a request's messages a thread does not have yet.
//!
//! Most clients send the whole conversation with each request, some only what is new, some the end of it. So what is
//! sent is laid over what is known: where both agree to the end of the thread, the rest is new; where they part, the
//! client edited its history.

use super::message::{Message, Role};

/// Where a request goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// The thread goes on with what was sent, from this one on.
    New(usize),
    /// All that was sent is there, and its last message has no reply yet.
    Unanswered,
    /// Another branch begins after so many messages of the thread, with what was sent from `from` on.
    Fork {
        /// Messages of the thread that stay.
        kept: usize,
        /// The first of those sent that is new.
        from: usize,
    },
    /// Everything is there, and an assistant's message comes last: there is nothing to answer.
    Nothing,
}

/// Lays what was sent over what the thread has. A client that is known to send everything (`whole`) is taken at its
/// word; of others, what has no assistant's message and does not fit is new as it is.
///
/// System messages at the begin of a thread are not compared: clients send theirs beside the conversation.
pub(super) fn tail(known: &[Message], sent: &[Message], whole: bool) -> Tail {
    let is_opening = |message: &&Message| message.role == Role::System;
    let opening = known.iter().take_while(is_opening).count();
    let known = &known[opening..];
    let same = |(a, b): (&Message, &Message)| a.is_same(b);
    let common = known
        .iter()
        .zip(sent)
        .take_while(|pair| same((pair.0, pair.1)))
        .count();
    if common == known.len() {
        return at_end(known, sent, common);
    }
    let whole_is_likely = whole || sent.iter().any(|one| one.role == Role::Assistant);
    if common == sent.len() && whole_is_likely {
        return again(sent, opening);
    }
    if !whole {
        let end = (1..known.len())
            .map(|from| &known[from..])
            .find(|end| end.len() <= sent.len() && end.iter().zip(sent).all(|(a, b)| a.is_same(b)));
        if let Some(end) = end {
            return at_end(end, sent, end.len());
        }
    }
    if whole_is_likely {
        return Tail::Fork {
            kept: opening + common,
            from: common,
        };
    }
    Tail::New(0)
}

/// All of the thread's end is there; what comes after is new.
fn at_end(known: &[Message], sent: &[Message], common: usize) -> Tail {
    if common < sent.len() {
        return Tail::New(common);
    }
    match known.last().map(|last| last.role) {
        Some(Role::Assistant) => Tail::Nothing,
        _ => Tail::Unanswered,
    }
}

/// The thread went on after what was sent: the client wants another reply.
fn again(sent: &[Message], opening: usize) -> Tail {
    match sent.last().map(|last| last.role) {
        Some(Role::Assistant) | None => Tail::Nothing,
        _ => Tail::Fork {
            kept: opening + sent.len(),
            from: sent.len(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Content;
    use super::*;

    /// `u:hi a:hello` as messages.
    fn talk(text: &str) -> Vec<Message> {
        let one = |word: &str| {
            let (role, said) = word.split_once(':').expect("a role");
            let role = match role {
                "u" => Role::User,
                "a" => Role::Assistant,
                "t" => Role::Tool,
                _ => Role::System,
            };
            Message::new(role, Content::Text(said.to_owned()))
        };
        text.split_whitespace().map(one).collect()
    }

    #[track_caller]
    fn check(known: &str, sent: &str, whole: bool, expected: Tail) {
        assert_eq!(tail(&talk(known), &talk(sent), whole), expected);
    }

    #[test]
    fn a_whole_history_adds_its_tail() {
        check("", "u:1", false, Tail::New(0));
        check("u:1 a:2", "u:1 a:2 u:3", false, Tail::New(2));
        check("s:0 u:1 a:2", "u:1 a:2 u:3", true, Tail::New(2));
        check("u:1", "u:1 a:part u:3", false, Tail::New(1));
    }

    #[test]
    fn only_what_is_new_is_added_as_it_is() {
        check("u:1 a:2", "u:3", false, Tail::New(0));
        check("u:1 a:2", "u:1", false, Tail::New(0));
        check("u:1 a:2", "t:x t:y", false, Tail::New(0));
    }

    #[test]
    fn a_window_is_laid_over_the_end() {
        check("u:1 a:2 u:3 a:4", "u:3 a:4 u:5", false, Tail::New(2));
        check("u:1 a:2 u:3 a:4", "a:4 u:5", false, Tail::New(1));
    }

    #[test]
    fn an_edited_history_forks() {
        let fork = |kept, from| Tail::Fork { kept, from };
        check("u:1 a:2 u:3 a:4", "u:1 a:2 u:x", false, fork(2, 2));
        check("u:1 a:2 u:3 a:4", "u:x a:2 u:3", false, fork(0, 0));
        check("s:0 u:1 a:2 u:3 a:4", "u:1 a:x u:3", false, fork(2, 1));
        check("u:1 a:2", "u:x", true, fork(0, 0));
    }

    #[test]
    fn another_reply_is_a_fork_too() {
        let fork = |kept, from| Tail::Fork { kept, from };
        check("u:1 a:2 u:3 a:4", "u:1 a:2 u:3", false, fork(3, 3));
        check("u:1 a:2", "u:1", true, fork(1, 1));
    }

    #[test]
    fn what_waits_for_its_reply_is_not_said_twice() {
        check("u:1", "u:1", false, Tail::Unanswered);
        check("u:1 a:2 u:3", "u:3", false, Tail::Unanswered);
        check("u:1 a:2 u:3", "u:1 a:2 u:3", true, Tail::Unanswered);
        check("u:1 a:2", "u:1 a:2", false, Tail::Nothing);
    }
}
