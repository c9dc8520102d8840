//! What a server leaves, one that is there takes up.

use serde_json::json;

use super::{Two, status, until};
use crate::app::{said, texts, with};
use crate::sse::names;

#[tokio::test]
async fn runs_that_a_server_leaves_go_on_at_one_that_is_there() {
    let Two { here, there, _dir } = Two::new().await;
    let thread = here.thread().await;
    let more = json!({"stream_resumable": true, "stream_mode": ["values", "custom"]});
    let run = here.begin(&thread, with(said("hold a"), more)).await;
    here.holds.reached("a").await;
    let waits = here.begin(&thread, said("second")).await;
    let path = format!("/threads/{thread}/runs/{run}/stream");
    let reading = tokio::spawn(there.join(&path, Some("-1")).await.all());
    there.holds.free("a");
    let store = here.store.clone();
    here.stop().await;
    store.close().await.expect("closed");
    // Who reads it is not cut off.
    let told = reading.await.expect("a stream");
    assert_eq!(names(&told).last(), Some(&"end"), "{:?}", names(&told));
    let join = format!("/threads/{thread}/runs/{waits}/join");
    assert_eq!(
        texts(&there.get(&join).await.ok()),
        ["hold a", "echo: hold a", "second", "echo: second"]
    );
    until(|| async { status(&there, &thread, &run).await == "success" }).await;
}
