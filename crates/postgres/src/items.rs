//! What nodes remember.

use async_trait::async_trait;
use everthread_graph::contract::{
    Item, ItemQuery, Items, Json, NamespaceQuery, StoreError, UserId,
};

use crate::sql::item::{self, Stored};
use crate::store::PostgresStore;

#[async_trait]
impl Items for PostgresStore {
    async fn get_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
    ) -> Result<Option<Item>, StoreError> {
        const DOING: &str = "reading an item";
        let conn = self.inner.base.conn(DOING).await?;
        let found = item::get(&conn, user, (namespace, key), self.inner.now_ms()).await;
        conn.finish(DOING, found).await
    }

    async fn put_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
        value: Option<Json>,
        expires_ms: Option<i64>,
    ) -> Result<(), StoreError> {
        const DOING: &str = "writing an item";
        item::check_namespace(namespace).map_err(|fault| fault.into_store(DOING))?;
        let stored = Stored { value, expires_ms };
        let conn = self.inner.base.writing(DOING).await?;
        let done = item::put(&conn, user, (namespace, key), &stored, self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn refresh_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
    ) -> Result<bool, StoreError> {
        const DOING: &str = "refreshing an item";
        let conn = self.inner.base.conn(DOING).await?;
        let done = item::refresh(&conn, user, (namespace, key), self.inner.now_ms()).await;
        conn.finish(DOING, done).await
    }

    async fn search_items(&self, user: &UserId, query: ItemQuery) -> Result<Vec<Item>, StoreError> {
        const DOING: &str = "searching items";
        let now_ms = self.inner.now_ms();
        if query.refresh {
            let conn = self.inner.base.writing(DOING).await?;
            let found = item::search_and_refresh(&conn, user, &query, now_ms).await;
            return conn.finish(DOING, found).await;
        }
        let conn = self.inner.base.reading(DOING).await?;
        let found = item::search(&conn, user, &query, now_ms).await;
        conn.finish(DOING, found).await
    }

    async fn namespaces(
        &self,
        user: &UserId,
        query: NamespaceQuery,
    ) -> Result<Vec<Vec<String>>, StoreError> {
        const DOING: &str = "listing namespaces";
        let conn = self.inner.base.conn(DOING).await?;
        let found = item::namespaces(&conn, user, &query, self.inner.now_ms()).await;
        conn.finish(DOING, found).await
    }
}
