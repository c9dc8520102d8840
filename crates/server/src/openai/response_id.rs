//! The id of a response: its run's and its thread's in one, so that a response is found without an index.
//!
//! `resp_` and 32 hexadecimal digits are a response that began a thread of its own, which has the same id. What
//! follows the digits names another thread: `r` and the digits of the response that began it, `c` and those of a
//! conversation made here, or `t` and any other thread's id in base64 for URLs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everthread_graph::contract::{RunId, ThreadId};
use uuid::Uuid;

/// How ids of responses, and of threads that a response began, start.
const RESPONSE: &str = "resp_";
/// How ids of conversations that were made here start.
const CONVERSATION: &str = "conv_";
/// Hexadecimal digits of a UUID.
const DIGITS: usize = 32;

/// A response: a run on a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResponseId {
    pub(crate) run: RunId,
    pub(crate) thread: ThreadId,
}

/// The thread that a response begins when it belongs to no conversation.
pub(crate) fn own_thread(run: RunId) -> Option<ThreadId> {
    ThreadId::new(format!("{RESPONSE}{}", run.uuid().simple())).ok()
}

/// Whether a response began this thread: it is a conversation to everyone else, but its responses are all there is to
/// say where it ends.
pub(crate) fn is_own(thread: &ThreadId) -> bool {
    thread
        .as_str()
        .strip_prefix(RESPONSE)
        .and_then(digits)
        .is_some()
}

/// The id of a new conversation.
pub(crate) fn new_conversation() -> String {
    format!("{CONVERSATION}{}", Uuid::now_v7().simple())
}

fn digits(text: &str) -> Option<Uuid> {
    let is_plain = text.len() == DIGITS
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_plain.then(|| Uuid::try_parse(text).ok()).flatten()
}

impl ResponseId {
    /// As clients read it.
    pub(crate) fn to_text(&self) -> String {
        let run = self.run.uuid().simple().to_string();
        let thread = self.thread.as_str();
        let of = |prefix: &str| {
            thread
                .strip_prefix(prefix)
                .filter(|rest| digits(rest).is_some())
        };
        let rest = match (of(RESPONSE), of(CONVERSATION)) {
            (Some(first), _) if first == run => String::new(),
            (Some(first), _) => format!("r{first}"),
            (_, Some(conversation)) => format!("c{conversation}"),
            _ => format!("t{}", URL_SAFE_NO_PAD.encode(thread)),
        };
        format!("{RESPONSE}{run}{rest}")
    }

    /// Reads it; `None` for what is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(RESPONSE)?;
        let (run, rest) = (rest.get(..DIGITS)?, rest.get(DIGITS..)?);
        let uuid = digits(run)?;
        let mut kind = rest.chars();
        let thread = match (kind.next(), kind.as_str()) {
            (None, _) => format!("{RESPONSE}{run}"),
            (Some('r'), first) => format!("{RESPONSE}{}", digits(first)?.simple()),
            (Some('c'), of) => format!("{CONVERSATION}{}", digits(of)?.simple()),
            (Some('t'), any) => String::from_utf8(URL_SAFE_NO_PAD.decode(any).ok()?).ok()?,
            _ => return None,
        };
        Some(Self {
            run: RunId::from_uuid(uuid),
            thread: ThreadId::new(thread).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_their_threads() {
        let run = RunId::from_uuid(Uuid::now_v7());
        let own = own_thread(run).expect("an id");
        assert!(is_own(&own));
        for thread in [
            own.as_str().to_owned(),
            own_thread(RunId::from_uuid(Uuid::now_v7()))
                .expect("an id")
                .as_str()
                .to_owned(),
            new_conversation(),
            "any thread: ümlaut/…".to_owned(),
            "resp_short".to_owned(),
        ] {
            let id = ResponseId {
                run,
                thread: ThreadId::new(&thread).expect("an id"),
            };
            assert_eq!(ResponseId::parse(&id.to_text()), Some(id), "{thread}");
        }
    }

    #[test]
    fn what_is_no_id_is_none() {
        let run = "01a2047f15df75738c451fe220b10946";
        for text in [
            "",
            "resp_",
            "resp_x",
            "resp_é2345678901234567890123456789012",
            &format!("resp_{run}q"),
            &format!("resp_{run}r12"),
            &format!("resp_{run}t!"),
            &format!("resp_{run}t"),
        ] {
            assert_eq!(ResponseId::parse(text), None, "{text}");
        }
    }
}
