//! `bench resume`: open a store of many conversations and load the head of a long one.

use std::sync::Arc;
use std::time::Instant;

use everthread_model::ChatModel;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::notebook;
use super::place::Place;
use super::report::{Line, percentile_ms, rss_bytes};
use crate::cli::Bench;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::terminal::progress;

/// How often it is measured; the medians are printed.
const OPENS: usize = 15;
/// Conversations that are made at once.
const AT_ONCE: usize = 64;
/// The long one.
const LONG: &str = "big";

/// Runs it. The store is made when it is not there yet.
pub(super) async fn run(
    output: Output,
    args: &Bench,
    model: Arc<dyn ChatModel>,
    storage: Option<String>,
) -> Result<(), Failure> {
    let place = Place::new(storage.as_deref())?;
    if !place.exists().await? {
        prepare(&place, args, &model).await?;
    }
    let (mut opens, mut loads) = (Vec::new(), Vec::new());
    let (mut messages, mut stored) = (0, 0);
    for _ in 0..OPENS {
        let begun = Instant::now();
        let store = place.open().await?;
        let graph = notebook::graph(&model, Some(store.clone()), false)?;
        opens.push(begun.elapsed());
        let begun = Instant::now();
        let state = graph.thread(LONG).user("u1").state().await?;
        loads.push(begun.elapsed());
        messages = state.map_or(0, |state| state.values.messages.len());
        stored = store.stats().await?.file_bytes;
        store.close().await?;
    }
    if messages == 0 {
        let what = format!("{} has no thread {LONG:?} of this benchmark", place.name());
        return Err(Failure::new(Exit::Conflict, what));
    }
    Line::new("resume", &place.name())
        .with("threads", args.threads)
        .with("messages", messages)
        .with("open_ms", percentile_ms(&opens, 0.5))
        .with("load_ms", percentile_ms(&loads, 0.5))
        .with("errors", 0)
        .with("file_bytes", place.file_bytes().unwrap_or(stored))
        .with("rss_bytes", rss_bytes())
        .print(output)
}

async fn prepare(place: &Place, args: &Bench, model: &Arc<dyn ChatModel>) -> Result<(), Failure> {
    let store = place.open().await?;
    let graph = notebook::graph(model, Some(store.clone()), false)?;
    let bar = progress::of_steps("Preparing", (args.threads + args.messages / 2) as u64);
    let long = graph.thread(LONG).user("u1");
    for i in 0..args.messages / 2 {
        long.invoke(notebook::turn(i)).await?;
        bar.inc(1);
    }
    let begin = |i: usize| {
        let thread = graph
            .thread(format!("t{i}").as_str())
            .user(format!("u{}", i % 1000).as_str());
        let bar = &bar;
        async move {
            thread.invoke(notebook::turn(i)).await?;
            bar.inc(1);
            Ok::<(), Failure>(())
        }
    };
    stream::iter((0..args.threads).map(begin))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    bar.finish_and_clear();
    store.settle().await?;
    Ok(store.close().await?)
}
