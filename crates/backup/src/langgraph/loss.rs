//! What of a value has no place in JSON.

use std::collections::BTreeSet;

/// Classes that are named, at most.
const MAX_NAMED: usize = 20;

/// The longest name of a class that is told.
const MAX_NAME: usize = 100;

/// What became of parts of values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loss {
    /// Bytes are kept as text in base64.
    Bytes,
    /// A number that is none, or infinite, is kept as null.
    Number,
    /// A key that is no text is kept as text.
    Key,
    /// An object of this class is kept as its fields.
    Object(String),
}

/// What was lost of some values.
#[derive(Debug, Default)]
pub(super) struct Losses(BTreeSet<Loss>);

/// Why a value cannot be read: words for people, without a full stop.
pub(super) type Unreadable = String;

impl Losses {
    pub(super) fn note(&mut self, loss: Loss) {
        if self.0.len() < MAX_NAMED {
            self.0.insert(loss);
        }
    }

    /// An object of a class.
    pub(super) fn object(&mut self, module: &str, name: &str) {
        let class = format!("{module}.{name}");
        let class = class.chars().filter(|one| !one.is_control());
        self.note(Loss::Object(class.take(MAX_NAME).collect()));
    }

    pub(super) fn take(&mut self) -> BTreeSet<Loss> {
        std::mem::take(&mut self.0)
    }
}

impl Loss {
    /// What happened, for people.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Bytes => "bytes are kept as text in base64".to_owned(),
            Self::Number => "numbers that are infinite or none are kept as null".to_owned(),
            Self::Key => "keys that are no text are kept as text".to_owned(),
            Self::Object(class) => format!("objects of {class} are kept as their fields"),
        }
    }
}
