//! Reading a run that another server drives.

use serde_json::json;

use super::Two;
use crate::app::{said, texts, with};
use crate::protocol::{ALL, data, follow, numbers, run, start};
use crate::sse::names;

#[tokio::test]
async fn a_run_that_is_not_kept_can_be_joined_elsewhere_from_now_on() {
    let two = Two::new().await;
    let thread = two.here.thread().await;
    let body = with(said("hold a"), json!({"stream_mode": ["values", "custom"]}));
    let run = two.here.begin(&thread, body).await;
    two.here.holds.reached("a").await;
    let path = format!("/threads/{thread}/runs/{run}");
    let joined = two.there.join(&format!("{path}/stream"), None).await;
    let reading = tokio::spawn(joined.all());
    two.heard().await;
    let join = format!("{path}/join");
    let free = async { two.here.holds.free("a") };
    let (state, ()) = tokio::join!(two.there.get(&join), free);
    assert_eq!(texts(&state.ok()), ["hold a", "echo: hold a"]);
    let told = reading.await.expect("a stream");
    assert_eq!(names(&told), ["values", "values", "end"]);
    assert_eq!(texts(&told[1].data), ["hold a", "echo: hold a"]);
}

#[tokio::test]
async fn a_run_that_is_kept_can_be_joined_elsewhere_from_its_begin() {
    let two = Two::new().await;
    let thread = two.here.thread().await;
    let more = json!({"stream_mode": ["values", "custom"], "stream_resumable": true});
    let run = two.here.begin(&thread, with(said("hold a"), more)).await;
    two.here.holds.reached("a").await;
    let path = format!("/threads/{thread}/runs/{run}/stream");
    let joined = two.there.join(&path, Some("-1")).await;
    let reading = tokio::spawn(joined.all());
    two.here.holds.free("a");
    let told = reading.await.expect("a stream");
    assert_eq!(
        names(&told),
        ["metadata", "values", "custom", "values", "values", "end"]
    );
    // What is told later, by whichever server, is the same.
    assert_eq!(two.here.join(&path, Some("-1")).await.all().await, told);
}

#[tokio::test]
async fn a_run_without_a_thread_can_be_joined_elsewhere_to_its_end() {
    let two = Two::new().await;
    let run = two.here.post("/runs", said("hold a")).await.ok();
    let run = run["run_id"].as_str().expect("an id").to_owned();
    two.here.holds.reached("a").await;
    let joined = two.there.join(&format!("/runs/{run}/stream"), None).await;
    let reading = tokio::spawn(joined.all());
    two.heard().await;
    two.here.holds.free("a");
    let told = reading.await.expect("a stream");
    assert_eq!(names(&told), ["values", "values", "end"]);
}

#[tokio::test]
async fn who_follows_a_thread_hears_the_runs_of_every_server() {
    let two = Two::new().await;
    let thread = two.here.thread().await;
    let mut live = two
        .there
        .join(&format!("/threads/{thread}/stream"), None)
        .await;
    let first = two.here.begin(&thread, said("hold a")).await;
    two.heard().await;
    two.here.holds.free("a");
    let done = live.next_of("metadata").await;
    assert_eq!(done.data, json!({"status": "run_done", "run_id": first}));
    let second = two.there.begin(&thread, said("second")).await;
    let begun = live.next_of("metadata").await;
    assert_eq!(begun.data["run_id"], second);
}

#[tokio::test]
async fn events_of_a_thread_are_one_sequence_whoever_tells_them() {
    let two = Two::new().await;
    let mut here = follow(&two.here, "t", json!({"channels": ALL})).await;
    let mut there = follow(&two.there, "t", json!({"channels": ALL})).await;
    let mut seen = 0;
    for (turn, app) in [&two.here, &two.there, &two.here, &two.there]
        .iter()
        .enumerate()
    {
        start(app, "t", "agent", &format!("turn {turn}")).await;
        let (mine, theirs) = tokio::join!(run(&mut here), run(&mut there));
        assert_eq!(mine, theirs);
        let numbers = numbers(&mine);
        assert!(numbers.is_sorted() && numbers[0] > seen, "{numbers:?}");
        seen = *numbers.last().expect("events");
        let state = data(&mine, "values").pop().expect("a state");
        assert_eq!(
            texts(&state).last().expect("one"),
            &format!("echo: turn {turn}")
        );
    }
}

#[tokio::test]
async fn a_question_is_answered_by_any_server_once() {
    let two = Two::new().await;
    let mut here = follow(&two.here, "t", json!({"channels": ALL})).await;
    start(&two.here, "t", "agent", "please approve").await;
    let told = run(&mut here).await;
    let question = &data(&told, "input.requested")[0];
    let params =
        json!({"interrupt_id": question["interrupt_id"], "namespace": [], "response": "yes"});
    let answer = crate::protocol::command(&two.there, "t", "input.respond", params.clone()).await;
    crate::protocol::done(&answer);
    let rest = run(&mut here).await;
    assert_eq!(
        rest.last().expect("an end").data["params"]["data"]["event"],
        "completed"
    );
    let again = crate::protocol::command(&two.here, "t", "input.respond", params).await;
    assert_eq!(again["error"], "no_such_interrupt", "{again}");
}
