//! Long-term memory: what nodes remember about a user beyond one thread.

use async_trait::async_trait;

use super::{Json, StoreError, UserId};

/// Key/value memory of a user, in namespaces (LangGraph's `BaseStore`, always within one user).
#[async_trait]
pub trait Items: Send + Sync {
    /// One item; `None` when it is not there.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn get_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
    ) -> Result<Option<Item>, StoreError>;

    /// Stores a value under a key, or removes the key when the value is `None`. Durable at return.
    ///
    /// # Errors
    /// `Invalid` for a namespace that is empty or has a part that is empty or holds a dot; `Unavailable`.
    async fn put_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
        value: Option<Json>,
    ) -> Result<(), StoreError>;

    /// Items below a namespace prefix, most recently changed first.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn search_items(&self, user: &UserId, query: ItemQuery) -> Result<Vec<Item>, StoreError>;
}

/// One remembered value.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The namespace, outermost part first.
    pub namespace: Vec<String>,
    /// The key within the namespace.
    pub key: String,
    /// The value.
    pub value: Json,
    /// When the key was first stored, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// When it was last stored.
    pub updated_ms: i64,
}

/// Which items.
#[derive(Debug, Clone)]
pub struct ItemQuery {
    /// Namespaces that begin with these parts; empty for all.
    pub prefix: Vec<String>,
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}
