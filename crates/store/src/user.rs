//! Profiles.

use everthread_graph::contract::{Json, UserId};

/// What is known of a user. A user exists from the first commit in one of their threads on.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// What to call them.
    pub name: Option<String>,
    /// Preferences, a JSON object: `interests`, `tone`, `language` and what else the deployment knows.
    pub preferences: Option<Json>,
    /// When the user was first seen, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// When a turn of theirs was last committed.
    pub active_ms: i64,
    /// Whether nothing of theirs may be erased.
    pub held: bool,
    /// Their threads.
    pub threads: u64,
    /// Messages in the transcripts of these at their heads.
    pub messages: u64,
}

/// What is told to models of a user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserProfile {
    /// What to call them.
    pub name: Option<String>,
    /// Preferences, a JSON object.
    pub preferences: Option<Json>,
}

/// Which users.
#[derive(Debug, Clone)]
pub struct ListUsers {
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for ListUsers {
    /// The first 100.
    fn default() -> Self {
        Self {
            offset: 0,
            limit: 100,
        }
    }
}

/// A change to a profile; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    /// The new name.
    pub name: Option<String>,
    /// The new preferences, as a whole.
    pub preferences: Option<Json>,
    /// Whether nothing of theirs may be erased from now on.
    pub held: Option<bool>,
}

/// What an erasure removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Threads.
    pub threads: u64,
    /// Messages, on all branches.
    pub messages: u64,
    /// Checkpoints, of all namespaces.
    pub checkpoints: u64,
    /// Runs.
    pub runs: u64,
    /// Long-term items, expired ones included.
    pub items: u64,
    /// Sessions.
    pub sessions: u64,
    /// By how many bytes the store in use became smaller; others may have written meanwhile.
    pub bytes: u64,
}
