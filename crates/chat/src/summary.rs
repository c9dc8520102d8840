//! The summary: what stands for older messages in the model's context.
//!
//! At rest it is one text that a person can read: the model's prose, then the user's own words that the
//! prose does not carry (see `notes`).

use std::sync::Arc;

use everthread_model::{Message, Role};

use crate::notes;

/// The line between the prose and the notes.
const NOTES_HEADING: &str = "The user said:";
/// Longest part of a single message that a summariser is shown, in characters.
const SHOWN_CHARS: usize = 600;

/// A summary, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// What the model wrote.
    pub prose: String,
    /// Sentences of the user's that the prose does not carry, oldest first.
    pub notes: Vec<String>,
}

impl Summary {
    /// Reads a summary as [`Summary::to_text`] wrote it; any other text is all prose.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let (prose, notes) = match text.rsplit_once(&format!("{NOTES_HEADING}\n")) {
            Some((prose, notes)) => (prose, notes),
            None => (text, ""),
        };
        Self {
            prose: prose.trim().to_owned(),
            notes: notes
                .lines()
                .filter_map(|line| line.strip_prefix("- "))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The summary as one text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.prose.clone();
        if !self.notes.is_empty() {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(NOTES_HEADING);
            for note in &self.notes {
                text.push_str("\n- ");
                text.push_str(note);
            }
        }
        text
    }

    /// What follows from this summary when a model has written `prose` to cover `messages` as well.
    #[must_use]
    pub fn extended(&self, prose: &str, messages: &[Arc<Message>]) -> Self {
        let told: Vec<String> = messages
            .iter()
            .filter(|message| message.role() == Role::Human)
            .flat_map(|message| notes::statements(&message.text()))
            .collect();
        let prose = prose.replace(NOTES_HEADING, "").trim().to_owned();
        Self {
            notes: notes::choose(&prose, &self.notes, &told),
            prose,
        }
    }

    /// What a model is asked, to extend this summary by `messages`. `style` is sentences that tell how to write, and
    /// may be empty.
    #[must_use]
    pub fn request(&self, messages: &[Arc<Message>], style: &str) -> Vec<Arc<Message>> {
        let mut ask = String::new();
        if !self.prose.is_empty() {
            ask += &format!("Summary so far:\n{}\n\n", self.prose);
        }
        ask += "Conversation:\n";
        for message in messages {
            let who = match message.role() {
                Role::Human => "User",
                Role::Ai => "Assistant",
                Role::Tool => "Tool",
                Role::System => "System",
            };
            ask += &format!("{who}: {}\n", shortened(&message.text(), SHOWN_CHARS));
        }
        ask += "\nWrite a short summary of all of this in two to four sentences. Call the user \"the user\". \
                Keep every name, number, date and wish. Write nothing else.";
        if !style.is_empty() {
            ask += &format!(" {style}");
        }
        vec![
            Arc::new(Message::system("You summarise conversations.")),
            Arc::new(Message::human(ask)),
        ]
    }
}

/// A text without its middle, when it is longer than `chars`; what is missing is said in its place.
pub(crate) fn shortened(text: &str, chars: usize) -> String {
    let count = text.chars().count();
    if count <= chars {
        return text.to_owned();
    }
    let head: String = text.chars().take(chars * 2 / 3).collect();
    let tail: String = text.chars().skip(count - chars / 3).collect();
    let missing = count - chars * 2 / 3 - chars / 3;
    format!("{head} […{missing} characters left out…] {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_as_it_was_written() {
        let summary = Summary {
            prose: "The user plans a trip.\n\nIt is long.".into(),
            notes: vec!["My name is Anna.".into(), "I fly on 12 May.".into()],
        };
        assert_eq!(Summary::from_text(&summary.to_text()), summary);
        let plain = Summary::from_text("Only prose.");
        assert_eq!(
            (plain.prose.as_str(), plain.notes.len()),
            ("Only prose.", 0)
        );
        assert_eq!(Summary::default().to_text(), "");
    }

    #[test]
    fn extending_keeps_what_the_prose_forgets() {
        let messages = [
            Arc::new(Message::human("My dog is called Rex.")),
            Arc::new(Message::ai("What a fine name! My cat is Tom.")),
        ];
        let summary = Summary::default().extended("The user has a dog.", &messages);
        assert_eq!(summary.notes, ["My dog is called Rex."]);
        let later = summary.extended("The user has a dog called Rex.", &[]);
        assert!(later.notes.is_empty(), "{later:?}");
    }

    #[test]
    fn a_shortened_text_says_what_is_missing() {
        assert_eq!(shortened("short", 10), "short");
        assert_eq!(
            shortened(&"x".repeat(100), 9),
            format!(
                "{} […91 characters left out…] {}",
                "x".repeat(6),
                "x".repeat(3)
            )
        );
    }
}
