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
}

/// A change to a profile; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    /// The new name.
    pub name: Option<String>,
    /// The new preferences, as a whole.
    pub preferences: Option<Json>,
}
