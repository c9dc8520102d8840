//! `bench growth`: one conversation without summaries; its latency and its size as it grows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_model::ChatModel;

use super::notebook;
use super::place::Place;
use super::report::{Line, percentile_ms, rss_bytes};
use crate::failure::Failure;
use crate::output::Output;

/// Lengths of the conversation at which a line is printed, in messages.
const MARKS: &[usize] = &[0, 10, 100, 200, 400, 800, 1000, 2000, 4000];
/// Turns before a mark over which the latency is taken.
const RECENT: usize = 20;
/// Turns of a reopened store that are not measured: they load and warm what a running process has.
const WARM: usize = 5;

/// Runs it. At a mark the store is closed, so that the file is whole, and opened again.
pub(super) async fn run(
    output: Output,
    turns: usize,
    model: Arc<dyn ChatModel>,
    storage: Option<String>,
) -> Result<(), Failure> {
    let place = Place::fresh(storage.as_deref()).await?;
    let mut done = 0;
    for &mark in MARKS.iter().filter(|&&mark| mark <= 2 * turns) {
        let (times, file_bytes) = grow(&place, &model, done, mark / 2).await?;
        done = mark / 2;
        let recent = &times[times.len().saturating_sub(RECENT)..];
        Line::new("growth", &place.name())
            .with("messages", mark)
            .with("turns", done)
            .with("p50_ms", percentile_ms(recent, 0.5))
            .with("p99_ms", percentile_ms(recent, 0.99))
            .with("errors", 0)
            .with("file_bytes", file_bytes)
            .with("rss_bytes", rss_bytes())
            .print(output)?;
    }
    Ok(())
}

/// Turns `from..to` on a freshly opened store; the times of all but the first few, and the bytes on disk.
async fn grow(
    place: &Place,
    model: &Arc<dyn ChatModel>,
    from: usize,
    to: usize,
) -> Result<(Vec<Duration>, u64), Failure> {
    let store = place.open().await?;
    let graph = notebook::graph(model, Some(store.clone()), false)?;
    let thread = graph.thread("t1").user("u1");
    let mut times = Vec::new();
    for i in from..to {
        let turn = Instant::now();
        thread.invoke(notebook::turn(i)).await?;
        times.push(turn.elapsed());
    }
    store.settle().await?;
    let stats = store.stats().await?;
    store.close().await?;
    let warm = WARM.min(times.len() / 2);
    let file_bytes = place.file_bytes().unwrap_or(stats.file_bytes);
    Ok((times.split_off(warm), file_bytes))
}
