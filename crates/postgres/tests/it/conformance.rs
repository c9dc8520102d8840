//! The cases that every store passes.

use std::sync::Arc;

use async_trait::async_trait;
use everthread_postgres::{PostgresOptions, PostgresStore};
use everthread_store::Store;
use everthread_store::conformance::Factory;

use crate::postgres::Server;

/// A schema of its own.
pub(crate) struct SchemaFactory {
    url: String,
}

impl SchemaFactory {
    pub(crate) fn new() -> Self {
        Self::at(Server::shared().new_schema())
    }

    pub(crate) fn at(url: String) -> Self {
        Self { url }
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::from_url(&self.url).unwrap()
    }

    pub(crate) async fn store(&self) -> PostgresStore {
        PostgresStore::open(self.options()).await.unwrap()
    }
}

#[async_trait]
impl Factory for SchemaFactory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.store().await)
    }
}

everthread_store::conformance_tests!(SchemaFactory::new());
