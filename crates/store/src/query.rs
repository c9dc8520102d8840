//! What a person typed into a search box, as words; and what of a message it is looked for in.

use std::ops::Range;

use everthread_graph::contract::{Json, StoreError, StoreErrorKind};
use serde::Deserialize;

use crate::SNIPPET_CHARS;
use crate::words::words;

/// Most words of a query that count.
const MAX_WORDS: usize = 16;

/// The words of a query: all must occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    words: Vec<QueryWord>,
}

/// One word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryWord {
    /// Folded as [`words`] does: letters and digits only.
    pub text: String,
    /// Whether longer words that begin so match too.
    pub prefix: bool,
}

impl Query {
    /// Splits what was typed into words; a word that ends in `*` matches words that begin so.
    ///
    /// # Errors
    /// `Invalid` when there is no word in it.
    pub fn parse(typed: &str) -> Result<Self, StoreError> {
        let mut found: Vec<QueryWord> = Vec::new();
        for part in typed.split_whitespace() {
            let before = found.len();
            found.extend(words(part).map(|word| QueryWord {
                text: word.folded.into_owned(),
                prefix: false,
            }));
            if part.ends_with('*') && found.len() > before {
                found.last_mut().expect("one was just added").prefix = true;
            }
        }
        found.truncate(MAX_WORDS);
        if found.is_empty() {
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                format!("nothing to search for in {typed:?}: give at least one word"),
            ));
        }
        Ok(Self { words: found })
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[QueryWord] {
        &self.words
    }

    /// Whether every word occurs in the text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut missing: Vec<&QueryWord> = self.words.iter().collect();
        for word in words(text) {
            missing.retain(|wanted| !wanted.is(&word.folded));
            if missing.is_empty() {
                return true;
            }
        }
        false
    }

    /// The part of the text around the first word found, and where the words stand in it, as byte ranges.
    #[must_use]
    pub fn snippet(&self, text: &str) -> (String, Vec<Range<usize>>) {
        let first = words(text)
            .find(|word| self.finds(&word.folded))
            .map_or(0..0, |word| word.range);
        let (start, end) = window(text, &first);
        let mut snippet = String::with_capacity(end - start + 6);
        if start > 0 {
            snippet.push('…');
        }
        snippet.extend(text[start..end].chars().map(plain));
        if end < text.len() {
            snippet.push('…');
        }
        // Looked for in what is shown: a plain space may be shorter than what it stands for.
        let marks = words(&snippet)
            .filter(|word| self.finds(&word.folded))
            .map(|word| word.range)
            .collect();
        (snippet, marks)
    }

    fn finds(&self, folded: &str) -> bool {
        self.words.iter().any(|wanted| wanted.is(folded))
    }
}

impl QueryWord {
    fn is(&self, folded: &str) -> bool {
        if self.prefix {
            folded.starts_with(&self.text)
        } else {
            folded == self.text
        }
    }
}

/// Line ends and control characters become spaces, so that a snippet is one line and commands no terminal.
fn plain(c: char) -> char {
    if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
        ' '
    } else {
        c
    }
}

/// Bytes of the text that are shown: a third of the room before the word, the rest from it on.
fn window(text: &str, word: &Range<usize>) -> (usize, usize) {
    let room = SNIPPET_CHARS - 2;
    let before = text[..word.start]
        .char_indices()
        .rev()
        .take(room / 3)
        .last();
    let mut start = before.map_or(word.start, |(at, _)| at);
    if start > 0
        && let Some((at, space)) = text[start..word.start]
            .char_indices()
            .find(|(_, c)| c.is_whitespace())
    {
        start += at + space.len_utf8();
    }
    let end = text[start..]
        .char_indices()
        .nth(room)
        .map_or(text.len(), |(at, _)| start + at);
    (start, end)
}

/// The text of a message: its `content`, or the text blocks of it, one a line.
#[must_use]
pub fn text_of(body: &Json) -> String {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        content: Option<Content>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Content {
        Text(String),
        Blocks(Vec<Block>),
        Other(serde::de::IgnoredAny),
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Block {
        Text(String),
        Typed { text: String },
        Other(serde::de::IgnoredAny),
    }
    match body.read::<Body>().ok().and_then(|body| body.content) {
        Some(Content::Text(text)) => text,
        Some(Content::Blocks(blocks)) => {
            let texts: Vec<String> = blocks
                .into_iter()
                .filter_map(|block| match block {
                    Block::Text(text) | Block::Typed { text } => Some(text),
                    Block::Other(_) => None,
                })
                .collect();
            texts.join("\n")
        }
        Some(Content::Other(_)) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn operators_are_words_and_an_empty_query_is_refused() {
        let query = Query::parse("\"Rex\" OR NEAR(dog* x)").unwrap();
        let texts: Vec<&str> = query
            .words()
            .iter()
            .map(|word| word.text.as_str())
            .collect();
        assert_eq!(texts, ["rex", "or", "near", "dog", "x"]);
        assert_eq!(query.words().iter().position(|word| word.prefix), Some(3));
        assert_eq!(
            Query::parse(" *\"-… ").unwrap_err().kind(),
            StoreErrorKind::Invalid
        );
    }

    #[test]
    fn every_word_must_occur() {
        let query = Query::parse("CAFE ber*").unwrap();
        assert!(query.matches("Ein Café in Berlin"));
        assert!(!query.matches("Ein Café in Paris"));
        assert!(!query.matches("Cafes in Berlin"));
    }

    #[test]
    fn a_snippet_is_one_short_line_with_marks() {
        let text = format!(
            "{}My dog\nis called Rex, and Rex barks. {}",
            "bla ".repeat(80),
            "x ".repeat(200)
        );
        let (snippet, marks) = Query::parse("rex").unwrap().snippet(&text);
        assert!(snippet.chars().count() <= SNIPPET_CHARS);
        assert!(snippet.starts_with('…') && snippet.ends_with('…') && !snippet.contains('\n'));
        let marked: Vec<&str> = marks.into_iter().map(|mark| &snippet[mark]).collect();
        assert_eq!(marked, ["Rex", "Rex"]);
    }

    #[test]
    fn a_snippet_may_begin_after_any_space() {
        for space in ['\u{A0}', '\u{3000}', '\u{2028}'] {
            let text = format!("{}{space}é{} rex", "b".repeat(300), "c".repeat(20));
            let (snippet, marks) = Query::parse("rex").unwrap().snippet(&text);
            assert!(snippet.starts_with("…éc"), "{snippet}");
            assert_eq!(&snippet[marks[0].clone()], "rex");
        }
    }

    #[test]
    fn no_control_character_reaches_a_terminal() {
        let text = "\u{9B}31m\u{85}Rex\u{1B}[0m\u{7F}\u{2029}rex\u{9C}!";
        let (snippet, marks) = Query::parse("rex").unwrap().snippet(text);
        assert_eq!(snippet, " 31m Rex [0m  rex !");
        let marked: Vec<&str> = marks.into_iter().map(|mark| &snippet[mark]).collect();
        assert_eq!(marked, ["Rex", "rex"]);
    }

    /// Words, spaces of every width and whatever else there is.
    fn any_text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            4 => proptest::char::any().prop_map(String::from),
            2 => prop::sample::select(vec![" ", "\n", "\u{A0}", "\u{3000}", "\u{2028}", "\u{9B}", "…"])
                .prop_map(str::to_owned),
            1 => prop::sample::select(vec!["rex", " Rex ", "réx", "rexes"]).prop_map(str::to_owned),
        ];
        prop::collection::vec(part, 0..500).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn a_snippet_of_any_text_is_short_and_printable(text in any_text()) {
            let (snippet, marks) = Query::parse("rex*").unwrap().snippet(&text);
            prop_assert!(snippet.chars().count() <= SNIPPET_CHARS);
            prop_assert!(!snippet.chars().any(char::is_control));
            for mark in marks {
                let marked = snippet.get(mark).expect("marks lie between characters");
                prop_assert!(words(marked).all(|word| word.folded.starts_with("rex")));
            }
        }
    }

    #[test]
    fn text_comes_from_plain_content_and_from_blocks() {
        let text = |json: &str| text_of(&Json::parse(json).unwrap());
        assert_eq!(text(r#"{"type":"human","content":"hi\u0000"}"#), "hi\0");
        assert_eq!(
            text(r#"{"content":[{"type":"text","text":"a"},{"type":"image"},"b"]}"#),
            "a\nb"
        );
        assert_eq!(text(r#"{"content":null}"#), "");
        assert_eq!(text("[1]"), "");
    }
}
