//! Joining runs and threads.

use std::time::Duration;

use everthread_server::Settings;
use serde_json::json;

use crate::app::{TestApp, said, settings, texts, with};
use crate::sse::names;

fn resumable(text: &str) -> serde_json::Value {
    with(
        said(text),
        json!({"stream_resumable": true, "stream_mode": ["values", "custom"]}),
    )
}

#[tokio::test]
async fn who_comes_back_gets_the_rest_once() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/runs/stream");
    let mut first = app.stream(&path, resumable("hold a")).await;
    let run = first.run();
    let join = format!("/threads/{thread}/runs/{run}/stream");
    let seen = first.next_of("custom").await;
    let id = seen.id.expect("an id");
    drop(first);
    app.holds.reached("a").await;
    let rest = app.join(&join, Some(&id)).await;
    app.holds.free("a");
    let rest = rest.all().await;
    assert_eq!(names(&rest), ["values", "values", "end"]);
    let all = app.join(&join, Some("-1")).await.all().await;
    assert_eq!(
        names(&all),
        ["metadata", "values", "custom", "values", "values", "end"]
    );
    assert_eq!(all[3..], rest[..]);
    let ids: Vec<u64> = all
        .iter()
        .map(|e| e.id.as_ref().expect("an id").parse().expect("a number"))
        .collect();
    assert!(ids.is_sorted());
    let values = app
        .join(&format!("{join}?stream_mode=custom"), Some("-1"))
        .await
        .all()
        .await;
    assert_eq!(names(&values), ["custom", "end"]);
    assert!(app.join(&join, None).await.all().await.is_empty());
}

#[tokio::test]
async fn what_was_not_kept_is_at_its_end_at_once() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let events = app
        .stream(&format!("/threads/{thread}/runs/stream"), said("hi"))
        .await;
    let run = events.run();
    events.all().await;
    let join =
        format!("/threads/{thread}/runs/{run}/stream?cancel_on_disconnect=false&stream_mode=");
    assert!(app.join(&join, Some("-1")).await.all().await.is_empty());
    let absent = app
        .join(
            &format!("/threads/{thread}/runs/{}/stream", uuid::Uuid::now_v7()),
            None,
        )
        .await;
    assert_eq!(absent.status().as_u16(), 404);
}

#[tokio::test]
async fn a_background_run_is_followed_live() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let modes = json!({"stream_mode": ["values", "updates"]});
    let run = app.begin(&thread, with(said("hold a"), modes)).await;
    app.holds.reached("a").await;
    let live = app
        .join(&format!("/threads/{thread}/runs/{run}/stream"), None)
        .await;
    app.holds.free("a");
    let live = live.all().await;
    assert_eq!(
        names(&live),
        ["updates", "values", "updates", "values", "end"]
    );
}

#[tokio::test]
async fn a_thread_is_followed_over_several_runs() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    let path = format!("/threads/{thread}/stream?stream_mode=run_modes&stream_mode=lifecycle");
    let mut feed = app.join(&path, None).await;
    for text in ["one", "two"] {
        app.say(&thread, text).await;
        let begun = feed.next_of("metadata").await;
        assert!(begun.data["run_id"].is_string());
        let done = feed.next_of("metadata").await;
        assert_eq!(
            done.data,
            json!({"status": "run_done", "run_id": begun.data["run_id"]})
        );
        assert!(done.id.is_some());
    }
    let begun = app
        .stream(
            &format!("/threads/{thread}/runs/stream"),
            resumable("three"),
        )
        .await;
    begun.all().await;
    let first = feed.next_of("metadata").await.id.expect("an id");
    drop(feed);
    let mut again = app.join(&path, Some(&first)).await;
    assert_eq!(again.next().await.expect("the next").name, "values");
    again.next_of("metadata").await;
}

#[tokio::test]
async fn hearts_beat_while_nothing_happens() {
    let app = TestApp::with(Settings {
        heartbeat: Duration::from_millis(20),
        ..settings()
    })
    .await;
    let thread = app.thread().await;
    let mut stream = app
        .stream(&format!("/threads/{thread}/runs/stream"), said("hold a"))
        .await;
    stream.next_of("values").await;
    app.holds.reached("a").await;
    let free = app.holds.clone();
    let join = format!("/threads/{thread}/runs/{}/join", stream.run());
    let waited = app.get(&join);
    let (waited, ()) = tokio::join!(waited, async {
        // A comment is all that comes now.
        let mut seen = String::new();
        while seen.matches(": heartbeat\r\n\r\n").count() < 5 {
            let chunk = stream
                .response
                .chunk()
                .await
                .expect("it goes on")
                .expect("a chunk");
            seen.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
        free.free("a");
    });
    assert!(waited.text.starts_with('\n'), "{:?}", waited.text);
    assert_eq!(texts(&waited.ok()), ["hold a", "echo: hold a"]);
    assert_eq!(stream.all().await.last().expect("an end").name, "end");
}
