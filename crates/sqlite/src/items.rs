//! What nodes remember.

use async_trait::async_trait;
use everthread_graph::contract::{
    Item, ItemQuery, Items, Json, NamespaceQuery, StoreError, UserId,
};

use crate::sql::item::{self, Stored};
use crate::store::SqliteStore;
use crate::writer::Touches;

#[async_trait]
impl Items for SqliteStore {
    async fn get_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
    ) -> Result<Option<Item>, StoreError> {
        let (user, namespace, key) = (user.clone(), namespace.to_vec(), key.to_owned());
        let now_ms = self.inner.now_ms();
        self.inner
            .read("reading an item", move |tx| {
                item::get(tx, &user, (&namespace, &key), now_ms)
            })
            .await
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
        let (user, namespace, key) = (user.clone(), namespace.to_vec(), key.to_owned());
        let now_ms = self.inner.now_ms();
        let stored = Stored { value, expires_ms };
        self.inner
            .write(DOING, Touches::Nothing, move |tx| {
                item::put(tx, &user, (&namespace, &key), &stored, now_ms)
            })
            .await
    }

    async fn refresh_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
    ) -> Result<bool, StoreError> {
        let (user, namespace, key) = (user.clone(), namespace.to_vec(), key.to_owned());
        let now_ms = self.inner.now_ms();
        self.inner
            .write("refreshing an item", Touches::Nothing, move |tx| {
                item::refresh(tx, &user, (&namespace, &key), now_ms)
            })
            .await
    }

    async fn search_items(&self, user: &UserId, query: ItemQuery) -> Result<Vec<Item>, StoreError> {
        const DOING: &str = "searching items";
        let (user, now_ms) = (user.clone(), self.inner.now_ms());
        if !query.refresh {
            let search = move |tx: &_| item::search(tx, &user, &query, now_ms);
            return self.inner.read(DOING, search).await;
        }
        self.inner
            .write(DOING, Touches::Nothing, move |tx| {
                item::search_and_refresh(tx, &user, &query, now_ms)
            })
            .await
    }

    async fn namespaces(
        &self,
        user: &UserId,
        query: NamespaceQuery,
    ) -> Result<Vec<Vec<String>>, StoreError> {
        let (user, now_ms) = (user.clone(), self.inner.now_ms());
        self.inner
            .read("listing namespaces", move |tx| {
                item::namespaces(tx, &user, &query, now_ms)
            })
            .await
    }
}
