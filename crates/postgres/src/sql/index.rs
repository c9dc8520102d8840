//! The search index: derived from messages, thread by thread, up to a durable mark for each.

use std::sync::Arc;

use everthread_graph::contract::{StoreError, ThreadKey};

use crate::store::Base;

/// What keeps the index up to date.
#[derive(Debug)]
pub(crate) struct Indexer {
    base: Arc<Base>,
}

impl Indexer {
    /// Starts it.
    pub(crate) fn start(base: Arc<Base>) -> Self {
        Self { base }
    }

    /// Says that messages were written to a thread. Called after each commit that wrote some: it must be quick.
    pub(crate) fn wrote(&self, _key: &ThreadKey) {
        let _ = &self.base;
    }

    /// Waits until the index has caught up with what was durable at the call.
    pub(crate) async fn settle(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Stops it.
    pub(crate) async fn stop(&self) {}
}
