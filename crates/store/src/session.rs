//! Sessions: what a client did for a user, from its first turn to its last.

use everthread_graph::contract::ThreadId;

/// One client at work for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, any text, unique for its user.
    pub id: String,
    /// Which program it is: `everthread chat`, a browser's name, an SDK's.
    pub client: String,
    /// The thread that it was last in; `None` when there is none, or none any more.
    pub thread: Option<ThreadId>,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub started_ms: i64,
    /// When it last did something.
    pub last_ms: i64,
    /// Turns that it made.
    pub turns: u64,
}
