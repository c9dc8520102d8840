//! The identities that cross the border: a newtype for each kind, so that no two are ever exchanged.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest user or thread id, in characters.
const MAX_CHARS: usize = 255;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty.
    #[error("an id must not be empty")]
    Empty,
    /// The text is longer than 255 characters.
    #[error("an id must not be longer than {MAX_CHARS} characters (this one has {0})")]
    TooLong(usize),
    /// The text holds a control character.
    #[error("an id must be printable text (character {0} is a control character)")]
    Unprintable(usize),
    /// The text is not a UUID.
    #[error("{0:?} is not a UUID")]
    NotUuid(String),
}

fn printable(text: &str) -> Result<(), IdError> {
    let chars = text.chars().count();
    if chars == 0 {
        return Err(IdError::Empty);
    }
    if chars > MAX_CHARS {
        return Err(IdError::TooLong(chars));
    }
    match text.chars().position(char::is_control) {
        Some(at) => Err(IdError::Unprintable(at + 1)),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes printable text of 1 to 255 characters.
            ///
            /// # Errors
            /// [`IdError`] says what is wrong with the text.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                printable(text.as_ref())?;
                Ok(Self(text.as_ref().into()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
    };
}

text_id!(
    /// A person with a profile, who owns threads: the unit of isolation.
    UserId
);
text_id!(
    /// One conversation; unique for its user only.
    ThreadId
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// The id behind this UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError::NotUuid(text.to_owned()))
            }
        }
    };
}

uuid_id!(
    /// One checkpoint of a thread: a UUIDv7, above every earlier one of its thread.
    CheckpointId
);
uuid_id!(
    /// One execution of a graph on a thread: a UUIDv7.
    RunId
);
uuid_id!(
    /// One task of a superstep. It follows from the checkpoint, the namespace and what triggered the task, so
    /// that a task which runs again after a crash finds what it had written.
    TaskId
);

/// Which graph of a thread a checkpoint belongs to: empty for the thread's own graph, `node:task` for a subgraph
/// called by a task of `node`, levels joined by `|`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// The thread's own graph.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// A namespace from its text, as [`Namespace::as_str`] gives it.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The namespace of a subgraph one level below this one.
    #[must_use]
    pub fn child(&self, part: &str) -> Self {
        if self.0.is_empty() {
            Self(part.into())
        } else {
            Self(format!("{}|{part}", self.0).into())
        }
    }

    /// Whether this is the thread's own graph.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The namespace as text; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A thread, fully named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadKey {
    /// Who owns it.
    pub user: UserId,
    /// Which of that user's threads.
    pub thread: ThreadId,
}

impl fmt::Display for ThreadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {} of user {}", self.thread, self.user)
    }
}
