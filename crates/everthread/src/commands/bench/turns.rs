//! `bench turns`: one conversation with rolling summaries.

use std::sync::Arc;
use std::time::Instant;

use everthread_graph::State;
use everthread_model::ChatModel;

use super::notebook::{self, NotebookState};
use super::place::Place;
use super::report::{Line, rounded, rss_bytes};
use crate::failure::Failure;
use crate::output::Output;

/// Turns before the clock runs.
const WARM_UP: usize = 20;

/// The engine alone: the caller carries the state from turn to turn.
pub(super) async fn without_store(
    output: Output,
    turns: usize,
    model: Arc<dyn ChatModel>,
) -> Result<(), Failure> {
    let graph = notebook::graph(&model, None, true)?;
    let mut state = Arc::new(NotebookState::initial());
    for i in 0..WARM_UP {
        state = graph.invoke_on(state, notebook::turn(i)).await?.state;
    }
    let mut times = Vec::with_capacity(turns);
    let begun = Instant::now();
    for i in 0..turns {
        let turn = Instant::now();
        state = graph.invoke_on(state, notebook::turn(i)).await?.state;
        times.push(turn.elapsed());
    }
    let took = begun.elapsed();
    Line::new("turns", "none")
        .with("turns", turns)
        .with("turns_per_s", rounded(turns as f64 / took.as_secs_f64()))
        .latencies(&times)
        .with("errors", 0)
        .with("rss_bytes", rss_bytes())
        .print(output)
}

/// On a store: each turn returns when it is durable. The file is left behind when it was named.
pub(super) async fn durable(
    output: Output,
    turns: usize,
    model: Arc<dyn ChatModel>,
    storage: Option<String>,
) -> Result<(), Failure> {
    let place = Place::fresh(storage.as_deref()).await?;
    warm_up(&model).await?;
    let store = place.open().await?;
    let graph = notebook::graph(&model, Some(store.clone()), true)?;
    let thread = graph.thread("t1").user("u1");
    let mut times = Vec::with_capacity(turns);
    let begun = Instant::now();
    for i in 0..turns {
        let turn = Instant::now();
        thread.invoke(notebook::turn(i)).await?;
        times.push(turn.elapsed());
    }
    let took = begun.elapsed();
    store.settle().await?;
    let stats = store.stats().await?;
    store.close().await?;
    let file_bytes = place.file_bytes().unwrap_or(stats.file_bytes);
    Line::new("turns", &place.name())
        .with("turns", turns)
        .with("turns_per_s", rounded(turns as f64 / took.as_secs_f64()))
        .latencies(&times)
        .with("errors", 0)
        .with("file_bytes", file_bytes)
        .with("live_bytes", stats.live_bytes)
        .with("bytes_per_turn", file_bytes / turns.max(1) as u64)
        .with("rss_bytes", rss_bytes())
        .print(output)
}

/// In a file of its own, so that the measured one holds the measured turns and nothing else.
async fn warm_up(model: &Arc<dyn ChatModel>) -> Result<(), Failure> {
    let place = Place::fresh(None).await?;
    let store = place.open().await?;
    let graph = notebook::graph(model, Some(store.clone()), true)?;
    for i in 0..WARM_UP {
        graph.thread("warm").invoke(notebook::turn(i)).await?;
    }
    Ok(store.close().await?)
}
