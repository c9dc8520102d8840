//! Whether a load balancer may send requests here.

use std::sync::Arc;
use std::time::Duration;

use everthread_sqlite::{SqliteOptions, SqliteStore};
use reqwest::StatusCode;

use crate::agent::Holds;
use crate::app::{TestApp, said, settings};

#[tokio::test]
async fn a_server_is_not_ready_after_the_storage_failed_a_run_until_it_has_served_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.db");
    let mut options = SqliteOptions::at(&path);
    options.busy_wait = Duration::from_millis(20);
    let store = SqliteStore::open(options).unwrap();
    let app = TestApp::over(Arc::new(store), settings(), Holds::default()).await;
    let runs = format!("/threads/{}/runs/wait", app.thread().await);
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);

    // Another process writes and does not come to an end.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = app.post(&runs, said("hello")).await;
    assert_eq!(
        refused.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        refused.text
    );
    let ready = app.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["code"], "store_unavailable");

    other.execute_batch("ROLLBACK").unwrap();
    app.post(&runs, said("hello")).await.ok();
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    app.stop().await;
}
