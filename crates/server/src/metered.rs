//! A store that counts what goes through it: calls, messages and conversations.
//!
//! It stands between graphs and the real store, so that what graphs do is seen too. Nothing else changes: each call is
//! handed on as it is.

mod store;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use everthread_graph::contract::{
    At, Change, Checkpoint, Checkpointer, Commit, HistoryQuery, Item, ItemQuery, Items, Json,
    Namespace, NamespaceQuery, PendingWrites, RunId, Saved, StoreError, StoreErrorKind, ThreadKey,
    Ticket, UserId,
};
use everthread_store::{Store, TRANSCRIPT, text_of};

use crate::metrics::Metrics;

/// A store, and the counters that it is seen by.
#[derive(Debug)]
pub struct Metered {
    inner: Arc<dyn Store>,
    metrics: Metrics,
    says_messages: bool,
}

impl Metered {
    /// Counts what goes through `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, metrics: Metrics) -> Self {
        Self {
            inner,
            metrics,
            says_messages: false,
        }
    }

    /// Whether the text of each new message goes to the log; no by default.
    #[must_use]
    pub fn log_messages(mut self, says_messages: bool) -> Self {
        self.says_messages = says_messages;
        self
    }

    async fn timed<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let answer = call.await;
        let outcome = answer
            .as_ref()
            .map_or_else(|error| name(error.kind()), |_| "ok");
        self.metrics.store_call(operation, outcome, began.elapsed());
        answer
    }

    fn note_messages(&self, commit: &Commit) {
        let changed = commit
            .changes
            .iter()
            .filter(|change| &*change.channel == TRANSCRIPT);
        for change in changed {
            let Change::List(delta) = &change.change else {
                continue;
            };
            self.metrics.messages(delta.elements.len());
            if self.says_messages {
                for element in &delta.elements {
                    say(&commit.key, &element.body);
                }
            }
        }
    }
}

fn say(key: &ThreadKey, body: &Json) {
    tracing::info!(
        operation = "message",
        user = key.user.as_str(),
        thread = key.thread.as_str(),
        text = text_of(body),
        "message"
    );
}

fn name(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Conflict => "conflict",
        StoreErrorKind::Fenced => "fenced",
        StoreErrorKind::Busy => "busy",
        StoreErrorKind::QueueFull => "queue_full",
        StoreErrorKind::NotFound => "not_found",
        StoreErrorKind::Invalid => "invalid",
        StoreErrorKind::Unavailable => "unavailable",
        StoreErrorKind::OutcomeUnknown => "outcome_unknown",
        StoreErrorKind::Corrupt => "corrupt",
        StoreErrorKind::Newer => "newer",
        StoreErrorKind::Exists => "exists",
        StoreErrorKind::Held => "held",
        _ => "other",
    }
}

#[async_trait]
impl Checkpointer for Metered {
    async fn commit(&self, commit: Commit) -> Result<Ticket, StoreError> {
        self.note_messages(&commit);
        self.timed("commit", self.inner.commit(commit)).await
    }

    async fn write(&self, writes: PendingWrites) -> Result<Ticket, StoreError> {
        self.timed("write", self.inner.write(writes)).await
    }

    async fn load(
        &self,
        key: &ThreadKey,
        ns: &Namespace,
        at: At,
    ) -> Result<Option<Saved>, StoreError> {
        self.timed("load", self.inner.load(key, ns, at)).await
    }

    async fn history(
        &self,
        key: &ThreadKey,
        query: HistoryQuery,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        self.timed("history", self.inner.history(key, query)).await
    }

    async fn wait_turn(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        // How long that takes is told by the runs that wait.
        self.inner.wait_turn(key, run).await
    }

    async fn withdraw(&self, key: &ThreadKey, run: RunId) -> Result<(), StoreError> {
        self.timed("withdraw", self.inner.withdraw(key, run)).await
    }
}

#[async_trait]
impl Items for Metered {
    async fn get_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
    ) -> Result<Option<Item>, StoreError> {
        let call = self.inner.get_item(user, namespace, key);
        self.timed("get_item", call).await
    }

    async fn put_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
        value: Option<Json>,
        expires_ms: Option<i64>,
    ) -> Result<(), StoreError> {
        let call = self.inner.put_item(user, namespace, key, value, expires_ms);
        self.timed("put_item", call).await
    }

    async fn refresh_item(
        &self,
        user: &UserId,
        namespace: &[String],
        key: &str,
    ) -> Result<bool, StoreError> {
        let call = self.inner.refresh_item(user, namespace, key);
        self.timed("refresh_item", call).await
    }

    async fn search_items(&self, user: &UserId, query: ItemQuery) -> Result<Vec<Item>, StoreError> {
        let call = self.inner.search_items(user, query);
        self.timed("search_items", call).await
    }

    async fn namespaces(
        &self,
        user: &UserId,
        query: NamespaceQuery,
    ) -> Result<Vec<Vec<String>>, StoreError> {
        let call = self.inner.namespaces(user, query);
        self.timed("namespaces", call).await
    }
}
