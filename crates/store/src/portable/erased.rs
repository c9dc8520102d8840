//! What is left of a user who was erased: a mark that tells nothing but that.

use everthread_graph::contract::{Json, UserId};
use sha2::{Digest, Sha256};

use crate::Record;

/// The kind of the documents that say who was erased. [`erase_user`](crate::Store::erase_user) writes one, in its own
/// transaction, in the place of an earlier one.
pub const ERASED: &str = "erased";

/// Says that a user was erased, so that no backup brings back what was asked to be gone. The user's id is not in it,
/// only a hash of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The document's id: SHA-256 of the user's id, in hexadecimal.
    pub id: String,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
}

impl Mark {
    /// The mark of a user who is erased now.
    #[must_use]
    pub fn of(user: &UserId, at_ms: i64) -> Self {
        let hash = Sha256::digest(user.as_str());
        Self {
            id: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            at_ms,
        }
    }

    /// The mark of a document; `None` when it is none.
    #[must_use]
    pub fn read(record: &Record) -> Option<Self> {
        if record.kind != ERASED {
            return None;
        }
        let body: serde_json::Value = record.body.read().ok()?;
        Some(Self {
            id: record.id.clone(),
            at_ms: body.get("at_ms")?.as_i64()?,
        })
    }

    /// What the document says.
    #[must_use]
    pub fn body(&self) -> Json {
        Json::trusted(&format!("{{\"at_ms\":{}}}", self.at_ms))
    }
}
