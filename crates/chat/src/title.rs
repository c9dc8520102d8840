//! A conversation's title, from what it begins with.

/// Longest title, in characters.
const TITLE_CHARS: usize = 60;

/// The first sentence of the first message, cut at a word; `None` when the text has no words.
///
/// ```
/// let title = everthread_chat::title_of("Hi, I'm Alice. I work on a web application.");
/// assert_eq!(title.as_deref(), Some("Hi, I'm Alice"));
/// ```
#[must_use]
pub fn title_of(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let end = line
        .char_indices()
        .find(|&(at, c)| {
            matches!(c, '.' | '!') && line[at + c.len_utf8()..].starts_with([' ', '\u{a0}'])
        })
        .map_or(line.len(), |(at, _)| at);
    let sentence = line[..end].trim_end_matches(['.', '!']);
    let clean: String = sentence.chars().filter(|c| !c.is_control()).collect();
    let title = cut(&clean);
    title.chars().any(char::is_alphanumeric).then_some(title)
}

fn cut(text: &str) -> String {
    if text.chars().count() <= TITLE_CHARS {
        return text.to_owned();
    }
    let head: String = text.chars().take(TITLE_CHARS - 1).collect();
    let end = head.rfind(' ').unwrap_or(head.len());
    format!("{}…", head[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_beginning_is_cut_at_a_word() {
        let title = title_of(&"remember ".repeat(20)).expect("has words");
        assert!(title.chars().count() <= TITLE_CHARS, "{title}");
        assert!(title.ends_with("remember…"), "{title}");
    }

    #[test]
    fn what_has_no_words_has_no_title() {
        assert_eq!(title_of(""), None);
        assert_eq!(title_of(" \n ?! "), None);
    }
}
