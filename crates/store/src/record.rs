//! Documents of the whole deployment: what belongs to no user, such as keys and assistants.

use everthread_graph::contract::Json;

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it is: `key`, `assistant`.
    pub kind: String,
    /// Its id, unique for its kind.
    pub id: String,
    /// 1 when it is new, one more with each change.
    pub version: u64,
    /// What it holds: opaque to the store, given back as it is.
    pub body: Json,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
}

/// Which documents of a kind.
#[derive(Debug, Clone)]
pub struct ListRecords {
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for ListRecords {
    /// The first 100.
    fn default() -> Self {
        Self {
            offset: 0,
            limit: 100,
        }
    }
}
