//! Breaks text into lines between words, as it comes.

use std::io;

use rustix::termios;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Width where the terminal does not tell.
const DEFAULT_WIDTH: usize = 80;
/// Longer lines are hard to read.
const LARGEST_WIDTH: usize = 100;

/// Text on its way to a terminal. A word is held back until it is whole.
#[derive(Debug)]
pub(crate) struct Wrap {
    width: usize,
    column: usize,
    space: String,
    word: String,
}

impl Wrap {
    /// Wraps at the width of stdout's terminal.
    pub(crate) fn to_terminal() -> Self {
        let told = termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
        let width = if told == 0 { DEFAULT_WIDTH } else { told };
        Self::to_width(width.min(LARGEST_WIDTH))
    }

    fn to_width(width: usize) -> Self {
        Self {
            width: width.max(2),
            column: 0,
            space: String::new(),
            word: String::new(),
        }
    }

    /// Takes a piece; gives what can be shown by now.
    pub(crate) fn take(&mut self, piece: &str) -> String {
        let mut shown = String::new();
        for c in piece.chars() {
            match c {
                '\n' => {
                    shown += &self.finish();
                    shown.push('\n');
                    self.space.clear();
                    self.column = 0;
                }
                c if c.is_whitespace() => {
                    shown += &self.finish();
                    self.space.push(c);
                }
                c => {
                    self.word.push(c);
                    // Scripts of wide characters have no spaces: a line may break after any of them.
                    if c.width() == Some(2) || self.word.width() >= self.width {
                        shown += &self.finish();
                    }
                }
            }
        }
        shown
    }

    /// Gives the word that is held back.
    pub(crate) fn finish(&mut self) -> String {
        if self.word.is_empty() {
            return String::new();
        }
        let word = std::mem::take(&mut self.word);
        let space = std::mem::take(&mut self.space);
        let (gap, length) = (space.width(), word.width());
        if self.column > 0 && self.column + gap + length > self.width {
            self.column = length;
            return format!("\n{word}");
        }
        self.column += gap + length;
        space + &word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(width: usize, pieces: &[&str]) -> String {
        let mut wrap = Wrap::to_width(width);
        let mut shown: String = pieces.iter().map(|piece| wrap.take(piece)).collect();
        shown += &wrap.finish();
        shown
    }

    #[test]
    fn lines_break_between_words_wherever_the_pieces_end() {
        assert_eq!(
            wrapped(10, &["one tw", "o three fo", "ur"]),
            "one two\nthree four"
        );
        assert_eq!(wrapped(10, &["one\n\ntwo  three"]), "one\n\ntwo  three");
        assert_eq!(wrapped(4, &["an elephant"]), "an\nelep\nhant");
        assert_eq!(wrapped(10, &["red,  \nviolets"]), "red,\nviolets");
        assert_eq!(wrapped(12, &["    indented code"]), "    indented\ncode");
    }

    #[test]
    fn wide_characters_are_shown_as_they_come() {
        let mut wrap = Wrap::to_width(4);
        assert_eq!(wrap.take("日本"), "日本");
        assert_eq!(wrap.take("語"), "\n語");
    }
}
