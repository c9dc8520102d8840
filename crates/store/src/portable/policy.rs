//! What happens where rows that come meet rows that are there.

use everthread_graph::contract::{ThreadId, ThreadKey};

use super::ThreadRow;

/// Longest thread id, in characters.
const MAX_CHARS: usize = 255;

/// What happens to what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// It stays; what comes is left out.
    #[default]
    Skip,
    /// What comes takes its place.
    Replace,
    /// The one that changed last stays.
    Newer,
    /// Both stay: a thread that comes and differs gets another id, made of its own and of how it stands
    /// ([`copy_id`]), so that it is not copied twice. What is no thread has only one place: as with [`Self::Skip`].
    Copy,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteRows {
    /// What happens to what is there already.
    pub on_conflict: OnConflict,
    /// Nothing is written; the answer says what would have been.
    pub dry_run: bool,
}

/// What became of the rows of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What happened to the thread, or to the user's profile. Of documents: `Created` when any was written.
    pub outcome: Outcome,
    /// Rows that were written.
    pub written: u64,
    /// Rows that were left out, because something is there already.
    pub skipped: u64,
}

/// What happened to a thread or a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there and is now.
    Created,
    /// It took the place of the one that was there.
    Replaced,
    /// It is there under this name, beside the one that was there.
    Copied(ThreadKey),
    /// The one that was there stays as it was.
    Kept,
}

/// What is to happen to a thread that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is written under its own id.
    Create,
    /// The one that is there is deleted first. Its fence must stay behind that of the new one.
    Replace,
    /// It is written under this id, if nothing is there.
    Copy(ThreadId),
    /// Nothing.
    Keep,
}

impl OnConflict {
    const ALL: [Self; 4] = [Self::Skip, Self::Replace, Self::Newer, Self::Copy];

    /// The name in commands and requests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Replace => "replace",
            Self::Newer => "newer",
            Self::Copy => "copy",
        }
    }

    /// The policy of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }

    /// Whether what comes takes the place of a profile, a session, an item or a document that last changed at
    /// `there_ms`.
    #[must_use]
    pub fn takes_place(self, there_ms: i64, comes_ms: i64) -> bool {
        match self {
            Self::Skip | Self::Copy => false,
            Self::Replace => true,
            Self::Newer => comes_ms > there_ms,
        }
    }
}

impl Decision {
    /// What is to happen to a thread that comes where this one is, if any.
    #[must_use]
    pub fn of(policy: OnConflict, there: Option<&ThreadRow>, comes: &ThreadRow) -> Self {
        let Some(there) = there else {
            return Self::Create;
        };
        match policy {
            OnConflict::Copy if there == comes => Self::Keep,
            OnConflict::Copy => Self::Copy(copy_id(comes)),
            policy if policy.takes_place(there.updated_ms, comes.updated_ms) => Self::Replace,
            _ => Self::Keep,
        }
    }
}

/// The id of a copy: that of the thread with when it last changed and how many changes it had, so that the same state
/// of a thread has the same copy.
///
/// # Panics
/// Never: what is added to an id is printable text.
#[must_use]
pub fn copy_id(row: &ThreadRow) -> ThreadId {
    let added = format!(" (copy {}-{})", row.updated_ms, row.change);
    let room = MAX_CHARS - added.chars().count();
    let kept: String = row.key.thread.as_str().chars().take(room).collect();
    ThreadId::new(kept + &added).expect("an id with printable text behind it is an id")
}
