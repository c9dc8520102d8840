//! How many checkpoints the chat graphs keep on a real store.

use everthread_graph::contract::{At, HistoryQuery, Source};
use everthread_graph::{Durability, RunOptions};
use serde_json::Value;

use crate::stage::{Stage, answers, key, says, texts, values};

async fn sources(stage: &Stage) -> Vec<Source> {
    let query = HistoryQuery {
        ns: None,
        before: None,
        limit: 100,
    };
    let history = stage.graph.history(&key(), query).await.unwrap();
    let newest_last = history.iter().rev();
    newest_last.map(|state| state.checkpoint.source).collect()
}

fn exit() -> RunOptions {
    RunOptions::new().durability(Durability::Exit)
}

#[tokio::test]
async fn a_turn_that_is_summarised_keeps_its_last_step_alone() {
    for (durability, kept) in [
        (Durability::Async, 9),
        (Durability::Sync, 9),
        (Durability::Exit, 8),
    ] {
        let stage = Stage::new("chat");
        let options = RunOptions::new().durability(durability);
        for turn in 0..4 {
            let said = says(&format!("turn {turn}"));
            stage.run_with(said, options.clone()).await.unwrap();
        }
        assert_eq!(sources(&stage).await.len(), kept, "{durability:?}");
        let state = stage.graph.state(&key(), At::Head, false).await.unwrap();
        let state: Value = state.unwrap().values.read().unwrap();
        assert_eq!(texts(&state).len(), 8);
        assert!(state["summary"].as_str().unwrap().starts_with("a summary"));
    }
}

#[tokio::test]
async fn a_draft_that_waits_is_kept_with_the_step_that_made_it() {
    let stage = Stage::new("review");
    stage.run_with(says("hi"), exit()).await.unwrap();
    assert_eq!(sources(&stage).await, [Source::Input, Source::Loop]);
    let reject = stage.run_with(answers(false), exit()).await.unwrap();
    assert_eq!(reject.interrupts.len(), 1);
    let out = stage.run_with(answers(true), exit()).await.unwrap();
    assert_eq!(texts(&values(&out)), ["hi", "first 2"]);
    assert_eq!(
        sources(&stage).await.len(),
        4,
        "the input, two drafts, the reply"
    );
}
