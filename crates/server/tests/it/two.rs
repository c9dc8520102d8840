//! Two servers on one storage: whatever a client asks, it does not matter which of them it asks.

mod following;
mod left;
mod stopping;

use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::{ListRecords, Store};
use serde_json::Value;

use crate::agent::Holds;
use crate::app::{LIMIT, TestApp, settings};

/// Two servers, each with a store of its own that opened the same file.
pub struct Two {
    pub here: TestApp,
    pub there: TestApp,
    _dir: tempfile::TempDir,
}

impl Two {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self {
            here: serve(&dir).await,
            there: serve(&dir).await,
            _dir: dir,
        }
    }

    /// Waits until a server has done what another one asked.
    pub async fn heard(&self) {
        let asks = || async {
            let asks = self.here.store.records("ask", ListRecords::default()).await;
            asks.expect("records").len()
        };
        until(|| async { asks().await > 0 }).await;
        until(|| async { asks().await == 0 }).await;
    }
}

async fn serve(dir: &tempfile::TempDir) -> TestApp {
    let options = SqliteOptions::at(dir.path().join("talk.db"));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).expect("a store"));
    TestApp::over(store, settings(), Holds::default()).await
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LIMIT, "it never comes to be so");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How a run stands, as a server tells it.
pub async fn status(app: &TestApp, thread: &str, run: &str) -> Value {
    let run = app.get(&format!("/threads/{thread}/runs/{run}")).await;
    run.ok()["status"].clone()
}
