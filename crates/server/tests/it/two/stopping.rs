//! Stopping a run that another server drives.

use serde_json::json;

use super::{Two, status};
use crate::app::{said, texts, with};

/// A run that one server drives and that does not end by itself.
async fn held(two: &Two) -> (String, String) {
    let thread = two.here.thread().await;
    two.here.say(&thread, "first").await;
    let run = two.here.begin(&thread, said("hold a")).await;
    two.here.holds.reached("a").await;
    (thread, run)
}

#[tokio::test]
async fn a_run_is_cancelled_by_any_server() {
    let two = Two::new().await;
    let (thread, run) = held(&two).await;
    let path = format!("/threads/{thread}/runs/{run}");
    let (join, cancel) = (format!("{path}/join"), format!("{path}/cancel?wait=1"));
    let (waited, cancelled) = tokio::join!(two.here.get(&join), two.there.post(&cancel, json!({})));
    cancelled.ok();
    waited.ok();
    assert_eq!(status(&two.there, &thread, &run).await, "interrupted");
    // Its input stays, and the thread is free.
    let said = two.there.say(&thread, "next").await;
    assert_eq!(texts(&said)[2..], ["hold a", "next", "echo: next"]);
}

#[tokio::test]
async fn a_run_is_taken_back_by_any_server() {
    let two = Two::new().await;
    let (thread, run) = held(&two).await;
    let path = format!("/threads/{thread}/runs/{run}");
    let join = format!("{path}/join");
    let cancel = format!("{path}/cancel?action=rollback&wait=1");
    let (waited, cancelled) = tokio::join!(two.here.get(&join), two.there.post(&cancel, json!({})));
    cancelled.ok();
    waited.ok();
    assert_eq!(two.there.get(&path).await.status, 404);
    let said = two.there.say(&thread, "next").await;
    assert_eq!(texts(&said), ["first", "echo: first", "next", "echo: next"]);
}

#[tokio::test]
async fn all_runs_of_a_user_are_cancelled_wherever_they_are() {
    let two = Two::new().await;
    let (thread, run) = held(&two).await;
    let all = two
        .there
        .post("/runs/cancel", json!({"status": "all"}))
        .await;
    assert_eq!(all.status, 204, "{}", all.text);
    let join = format!("/threads/{thread}/runs/{run}/join");
    two.there.get(&join).await.ok();
    assert_eq!(status(&two.there, &thread, &run).await, "interrupted");
}

#[tokio::test]
async fn a_run_that_takes_the_place_of_another_servers_ends_it_there() {
    let two = Two::new().await;
    let (thread, run) = held(&two).await;
    let join = format!("/threads/{thread}/runs/{run}/join");
    let path = format!("/threads/{thread}/runs/wait");
    let body = with(said("b"), json!({"multitask_strategy": "interrupt"}));
    // Its node holds for ever: it ends because it is told to.
    let (waited, said) = tokio::join!(two.here.get(&join), two.there.post(&path, body));
    waited.ok();
    assert_eq!(texts(&said.ok()).last().expect("one"), "echo: b");
}

#[tokio::test]
async fn a_thread_is_deleted_by_any_server() {
    let two = Two::new().await;
    let (thread, _) = held(&two).await;
    let path = format!("/threads/{thread}");
    assert_eq!(two.there.delete(&path).await.status, 204);
    assert_eq!(two.here.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_reader_who_leaves_stops_the_run_elsewhere_if_it_is_to() {
    let two = Two::new().await;
    let (thread, run) = held(&two).await;
    let path = format!("/threads/{thread}/runs/{run}");
    let joined = two
        .there
        .join(&format!("{path}/stream?cancel_on_disconnect=1"), None)
        .await;
    drop(joined);
    two.here.get(&format!("{path}/join")).await.ok();
    assert_eq!(status(&two.here, &thread, &run).await, "interrupted");
}
