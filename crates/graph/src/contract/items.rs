//! Long-term memory: what nodes remember about a user beyond one thread.

mod filter;

use async_trait::async_trait;

use super::{Json, StoreError, UserId};

pub use filter::ItemFilter;

/// Key/value memory of a user, in namespaces (LangGraph's `BaseStore`, always within one user).
///
/// An item may end at a time. From that time on no call sees it; its row goes when the store next has cause to.
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
    /// The item ends at `expires_ms`, in milliseconds since 1970-01-01 UTC; `None` for never. What an earlier value
    /// of the key was to live is forgotten.
    ///
    /// # Errors
    /// `Invalid` for a namespace that is empty or has a part that is empty or holds a dot; `Held` when a key is to be
    /// removed and the user is under hold; `Unavailable`.
    async fn put_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
        value: Option<Json>,
        expires_ms: Option<i64>,
    ) -> Result<(), StoreError>;

    /// Lets an item live from now on as long as it was given when it was stored; `false` when it is not there.
    /// Nothing happens to one that never ends. Durable at return.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn refresh_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
    ) -> Result<bool, StoreError>;

    /// Items below a namespace prefix, most recently changed first.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn search_items(&self, user: &UserId, query: ItemQuery) -> Result<Vec<Item>, StoreError>;

    /// The namespaces that hold items, each once, part by part in alphabetical order.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn namespaces(
        &self,
        user: &UserId,
        query: NamespaceQuery,
    ) -> Result<Vec<Vec<String>>, StoreError>;
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
    /// When it ends; `None` for never.
    pub expires_ms: Option<i64>,
}

/// Which items.
#[derive(Debug, Clone)]
pub struct ItemQuery {
    /// Namespaces that begin with these parts; empty for all.
    pub prefix: Vec<String>,
    /// What their values must be like; `None` for anything.
    pub filter: Option<ItemFilter>,
    /// Whether those found live from now on as long as they were given when they were stored.
    pub refresh: bool,
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for ItemQuery {
    /// The first 100 of all.
    fn default() -> Self {
        Self {
            prefix: Vec::new(),
            filter: None,
            refresh: false,
            offset: 0,
            limit: 100,
        }
    }
}

/// Which namespaces. In prefix and suffix, `*` stands for any one part.
#[derive(Debug, Clone)]
pub struct NamespaceQuery {
    /// Those that begin with these parts; empty for all.
    pub prefix: Vec<String>,
    /// Those that end with these parts; empty for all.
    pub suffix: Vec<String>,
    /// Only so many of their parts are told, and what is the same then is told once; `None` for all parts.
    pub max_depth: Option<usize>,
    /// Skip so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for NamespaceQuery {
    /// The first 100 of all.
    fn default() -> Self {
        Self {
            prefix: Vec::new(),
            suffix: Vec::new(),
            max_depth: None,
            offset: 0,
            limit: 100,
        }
    }
}

impl NamespaceQuery {
    /// Whether a namespace is one of these.
    #[must_use]
    pub fn matches(&self, namespace: &[&str]) -> bool {
        let same = |(wanted, part): (&String, &&str)| wanted == "*" || wanted == part;
        let (prefix, suffix) = (&self.prefix, &self.suffix);
        namespace.len() >= prefix.len().max(suffix.len())
            && prefix.iter().zip(namespace).all(same)
            && suffix.iter().rev().zip(namespace.iter().rev()).all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_star_stands_for_one_part() {
        let query = NamespaceQuery {
            prefix: parts(&["facts", "*"]),
            suffix: parts(&["*", "dog"]),
            ..NamespaceQuery::default()
        };
        assert!(query.matches(&["facts", "pets", "dog"]));
        assert!(query.matches(&["facts", "dog"]));
        assert!(!query.matches(&["facts"]));
        assert!(!query.matches(&["facts", "pets", "cat"]));
        assert!(!query.matches(&["rules", "pets", "dog"]));
        assert!(NamespaceQuery::default().matches(&["anything"]));
    }
}
