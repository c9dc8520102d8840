//! What the user said in so many words, kept where a summary leaves it out.
//!
//! A small model's summary loses names, numbers and dates. Notes are sentences of the user's that a summary
//! does not carry; they are chosen by rule, so that a fact told once is in the context of every later turn.

use std::collections::BTreeSet;

/// Room for notes, in characters. Beyond it the oldest go first, those about the user last.
pub(crate) const NOTES_CHARS: usize = 1500;
/// Longest single note, in characters.
const NOTE_CHARS: usize = 240;
/// A sentence counts as carried by a summary that has this share of its telling words.
const CARRIED: f64 = 0.75;

/// Words by which a sentence is about the user.
const PERSONAL: &[&str] = &[
    "i", "i'm", "i've", "i'd", "i'll", "im", "my", "mine", "we", "we're", "we've", "our", "ours",
];
/// Words with which a sentence begins that asks for something rather than tells something.
const REQUESTS: &[&str] = &[
    "ask",
    "compare",
    "describe",
    "explain",
    "find",
    "give",
    "help",
    "let",
    "list",
    "make",
    "name",
    "please",
    "say",
    "show",
    "suggest",
    "summarise",
    "summarize",
    "tell",
    "translate",
    "try",
    "write",
];
/// Words that tell nothing.
const PLAIN: &[&str] = &[
    "a", "about", "also", "am", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can",
    "do", "for", "from", "had", "has", "have", "hello", "help", "her", "here", "hey", "hi", "him",
    "his", "i", "i'd", "i'll", "i'm", "i've", "in", "is", "it", "it's", "its", "just", "let",
    "like", "me", "my", "need", "no", "not", "now", "of", "ok", "okay", "on", "or", "our",
    "please", "really", "she", "so", "some", "thank", "thanks", "that", "that's", "the", "their",
    "them", "then", "there", "they", "this", "to", "us", "very", "was", "we", "we're", "were",
    "what", "which", "who", "will", "with", "would", "yes", "you", "your",
];

/// The sentences of `said` that tell something, questions left out, each at most [`NOTE_CHARS`] long.
pub(crate) fn statements(said: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in said.lines() {
        for sentence in sentences(line) {
            let sentence = sentence.trim();
            if !is_request(sentence) && !telling_words(sentence).is_empty() {
                found.push(sentence.chars().take(NOTE_CHARS).collect());
            }
        }
    }
    found
}

/// The notes that go with a summary: the earlier ones and the new statements that the summary does not
/// carry, without doubles, within [`NOTES_CHARS`].
pub(crate) fn choose(summary: &str, earlier: &[String], new: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut notes: Vec<String> = earlier
        .iter()
        .chain(new)
        .filter(|note| !is_carried(note, summary) && seen.insert(note.to_lowercase()))
        .cloned()
        .collect();
    let mut size: usize = notes.iter().map(|note| note.chars().count()).sum();
    while size > NOTES_CHARS {
        let oldest = notes
            .iter()
            .position(|note| !is_personal(note))
            .unwrap_or(0);
        size -= notes.remove(oldest).chars().count();
    }
    notes
}

fn sentences(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .char_indices()
            .map(|(at, c)| (at + c.len_utf8(), c))
            .find(|&(next, c)| {
                matches!(c, '。' | '！' | '？')
                    || matches!(c, '.' | '!' | '?')
                        && rest[next..].chars().next().is_none_or(char::is_whitespace)
            })
            .map_or(rest.len(), |(next, _)| next);
        let (sentence, tail) = rest.split_at(end);
        rest = tail;
        Some(sentence)
    })
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
        .map(|word| word.replace('’', "'").trim_matches('\'').to_lowercase())
        .filter(|word| !word.is_empty())
}

fn telling_words(sentence: &str) -> BTreeSet<String> {
    words(sentence)
        .filter(|word| !PLAIN.contains(&word.as_str()))
        .collect()
}

fn is_request(sentence: &str) -> bool {
    sentence.ends_with(['?', '？'])
        || words(sentence)
            .next()
            .is_some_and(|first| REQUESTS.contains(&first.as_str()))
}

fn is_personal(note: &str) -> bool {
    words(note).any(|word| PERSONAL.contains(&word.as_str()))
}

/// Whether a summary carries what a note tells: most of its telling words, and every name and number of it.
fn is_carried(note: &str, summary: &str) -> bool {
    let there: BTreeSet<String> = words(summary).collect();
    let telling = telling_words(note);
    let carried = telling.iter().filter(|word| there.contains(*word)).count();
    carried as f64 >= CARRIED * telling.len() as f64
        && names(note).iter().all(|name| there.contains(name))
}

/// Words with a capital or a digit, without those that only begin a sentence.
fn names(note: &str) -> Vec<String> {
    note.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
        .enumerate()
        .filter(|(at, word)| {
            let capital = word.chars().next().is_some_and(char::is_uppercase);
            word.contains(|c: char| c.is_ascii_digit()) || (capital && *at > 0)
        })
        .map(|(_, word)| word.replace('’', "'").trim_matches('\'').to_lowercase())
        .filter(|word| !PLAIN.contains(&word.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_greetings_tell_nothing() {
        assert_eq!(
            statements(
                "Hi! My name is Anna. My dog Rex weighs 3.5 kg! What should he eat? Thanks."
            ),
            ["My name is Anna.", "My dog Rex weighs 3.5 kg!"]
        );
    }

    #[test]
    fn a_note_stays_until_a_summary_carries_it() {
        let told = statements("My name is Anna. My dog is called Rex.");
        let notes = choose("The user Anna wants to know her name.", &[], &told);
        assert_eq!(notes, ["My dog is called Rex."]);
        assert!(choose("Anna's dog is called Rex; her name is Anna.", &notes, &[]).is_empty());
    }

    #[test]
    fn what_is_about_the_user_outlives_the_rest() {
        let personal = vec!["My name is Anna.".to_owned()];
        let other: Vec<String> = (0..40)
            .map(|i| format!("Number {i} of the list {}.", "filler ".repeat(10)))
            .collect();
        let notes = choose("", &personal, &other);
        assert_eq!(notes[0], "My name is Anna.");
        assert_eq!(notes.last(), other.last());
        assert!(notes.iter().map(|n| n.chars().count()).sum::<usize>() <= NOTES_CHARS);
    }

    #[test]
    fn the_same_twice_is_kept_once() {
        let told = statements("I live in Lisbon. I live in Lisbon.");
        assert_eq!(choose("", &told, &told).len(), 1);
    }
}
