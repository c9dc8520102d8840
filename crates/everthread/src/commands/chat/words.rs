//! The words that a person can say to the chat itself: `/help` and the like.

/// What `/help` prints.
pub(super) const HELP: &str = "\
/history [N]   the last N messages (20)
/summary       what stands for the older messages
/search WORDS  find something that was said in any conversation
/fork [N]      go back before the last N turns (1) and go on from there; nothing is lost
/retry         ask for the reply that is missing
/help          this list
/quit          leave; everything is kept
A line that ends in \\ goes on in the next. Ctrl-C stops a reply, Ctrl-D leaves.";

/// What a person typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// A message for the model.
    Message(String),
    /// Nothing.
    Empty,
    /// `/help`
    Help,
    /// `/history N`
    History(usize),
    /// `/summary`
    Summary,
    /// `/search WORDS`
    Search(String),
    /// `/fork N`
    Fork(usize),
    /// `/retry`
    Retry,
    /// `/quit`
    Quit,
    /// One of these, used wrongly: how it is used.
    Wrong(&'static str),
    /// A word that is none of these.
    Unknown(String),
}

impl Typed {
    /// Reads a line. Two slashes at the beginning make a message that begins with one.
    pub(super) fn read(line: &str) -> Self {
        let line = line.trim();
        if line.is_empty() {
            return Self::Empty;
        }
        if let Some(message) = line.strip_prefix("//") {
            return Self::Message(format!("/{message}"));
        }
        if !line.starts_with('/') {
            return Self::Message(line.to_owned());
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let number = |default: usize| {
            if rest.is_empty() {
                Some(default)
            } else {
                rest.parse().ok().filter(|&n| n > 0)
            }
        };
        match word {
            "/help" | "/?" => Self::Help,
            "/summary" => Self::Summary,
            "/retry" => Self::Retry,
            "/quit" | "/exit" => Self::Quit,
            "/search" if rest.is_empty() => {
                Self::Wrong("/search needs words to look for, as in: /search dog")
            }
            "/search" => Self::Search(rest.to_owned()),
            "/history" => number(20).map_or(
                Self::Wrong("/history takes a number of messages, as in: /history 20"),
                Self::History,
            ),
            "/fork" => number(1).map_or(
                Self::Wrong("/fork takes a number of turns, as in: /fork 1"),
                Self::Fork,
            ),
            _ => Self::Unknown(line.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_messages_are_told_apart() {
        assert_eq!(Typed::read("  "), Typed::Empty);
        assert_eq!(
            Typed::read("hello /quit"),
            Typed::Message("hello /quit".into())
        );
        assert_eq!(
            Typed::read("//etc is a folder"),
            Typed::Message("/etc is a folder".into())
        );
        assert_eq!(Typed::read("/history"), Typed::History(20));
        assert_eq!(Typed::read("/history 5"), Typed::History(5));
        for wrong in ["/fork x", "/history 0", "/search"] {
            assert!(matches!(Typed::read(wrong), Typed::Wrong(_)), "{wrong}");
        }
        assert_eq!(Typed::read("/quit"), Typed::Quit);
        assert_eq!(Typed::read("/dance"), Typed::Unknown("/dance".into()));
    }
}
