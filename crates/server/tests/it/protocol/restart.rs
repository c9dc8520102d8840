//! The log of a thread survives its server.

use std::sync::Arc;

use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use serde_json::json;

use super::{ALL, data, follow, numbers, run, start};
use crate::agent::Holds;
use crate::app::{TestApp, settings, texts};

fn open(dir: &tempfile::TempDir) -> Arc<dyn Store> {
    let options = SqliteOptions::at(dir.path().join("talk.db"));
    Arc::new(SqliteStore::open(options).expect("a store"))
}

#[tokio::test]
async fn what_was_told_is_told_again_by_the_next_process() {
    let dir = tempfile::tempdir().expect("a folder");
    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let mut live = follow(&app, "t", json!({"channels": ALL})).await;
    start(&app, "t", "parent", "please approve").await;
    let told = run(&mut live).await;
    let store = app.store.clone();
    app.stop().await;
    assert!(
        live.next().await.is_none(),
        "the stream ends with the server"
    );
    store.close().await.expect("closed");

    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let mut again = follow(&app, "t", json!({"channels": ALL})).await;
    assert_eq!(run(&mut again).await, told);
    let question = &data(&told, "input.requested")[0];
    let params =
        json!({"interrupt_id": question["interrupt_id"], "namespace": [], "response": "yes"});
    let answer = super::command(&app, "t", "input.respond", params).await;
    super::done(&answer);
    let since = json!({"channels": ALL, "since": numbers(&told).last()});
    let rest = run(&mut follow(&app, "t", since).await).await;
    assert_eq!(rest, run(&mut again).await);
    assert!(
        numbers(&rest)[0]
            > answer["meta"]["applied_through_seq"]
                .as_u64()
                .expect("a number")
    );
    assert!(numbers(&rest).is_sorted() && numbers(&rest)[0] > *numbers(&told).last().expect("one"));
}

#[tokio::test]
async fn a_run_that_a_shutdown_left_is_told_to_its_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let app = TestApp::over(open(&dir), settings(), Holds::default()).await;
    let run_id = start(&app, "t", "agent", "hold a").await;
    app.holds.reached("a").await;
    let mut live = follow(&app, "t", json!({"channels": ["lifecycle", "values"]})).await;
    let seen = live.next().await.expect("the begin");
    let store = app.store.clone();
    app.stop().await;
    store.close().await.expect("closed");

    let holds = Holds::default();
    holds.free("a");
    let app = TestApp::over(open(&dir), settings(), holds).await;
    let since = json!({"channels": ["lifecycle", "values"], "since": seen.data["seq"]});
    let told = run(&mut follow(&app, "t", since).await).await;
    let end = told.last().expect("an end");
    assert!(
        end.data["event_id"]
            .as_str()
            .expect("an id")
            .contains(&run_id)
    );
    assert_eq!(end.data["params"]["data"]["event"], "completed");
    let last = data(&told, "values").pop().expect("a state");
    assert_eq!(texts(&last), ["hold a", "echo: hold a"]);
}
