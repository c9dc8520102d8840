//! `bench large`: a turn, a list, a search and the statistics in a store of many conversations, and the turn in an
//! empty one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_model::ChatModel;
use everthread_store::upkeep::{Upkeep, tend};
use everthread_store::{ListThreads, Search, Store};

use super::fill::{MESSAGES, fill, user, users};
use super::notebook;
use super::place::Place;
use super::report::{Line, percentile_ms, rounded, rss_bytes};
use crate::cli::Bench;
use crate::failure::Failure;
use crate::output::Output;

/// Turns that are measured; as many before them warm what a running process has.
const TURNS: usize = 200;
/// Lists, searches and statistics that are measured, each of another user.
const LOOKS: usize = 100;

/// Runs it. The store is made when it is not there yet.
pub(super) async fn run(
    output: Output,
    args: &Bench,
    model: Arc<dyn ChatModel>,
    storage: Option<String>,
) -> Result<(), Failure> {
    let empty = turns(&Place::fresh(None).await?.open().await?, &model).await?;
    let place = Place::new(storage.as_deref())?;
    let is_new = !place.exists().await?;
    let store = place.open().await?;
    let begun = Instant::now();
    if is_new {
        fill(&store, &model, args.threads).await?;
        tend(&*store, &Upkeep::LIGHT, &mut |_, _, _| {
            std::ops::ControlFlow::Continue(())
        })
        .await?;
    }
    let made = begun.elapsed();
    let large = turns(&store, &model).await?;
    let (mut lists, mut searches, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..LOOKS {
        let number = n * 7 % users(args.threads);
        let user = user(number)?;
        let begun = Instant::now();
        store.threads(&user, ListThreads::default()).await?;
        lists.push(begun.elapsed());
        let search = Search {
            words: notebook::word(number * MESSAGES),
            thread: None,
            offset: 0,
            limit: 20,
        };
        let begun = Instant::now();
        store.search(&user, search).await?;
        searches.push(begun.elapsed());
        let begun = Instant::now();
        store.stats().await?;
        counts.push(begun.elapsed());
    }
    let stats = store.stats().await?;
    store.close().await?;
    let (empty_ms, large_ms) = (percentile_ms(&empty, 0.5), percentile_ms(&large, 0.5));
    Line::new("large", &place.name())
        .with("threads", stats.threads)
        .with("messages", stats.messages)
        .with("messages_per_thread", MESSAGES)
        .with("made_s", rounded(made.as_secs_f64()))
        .with("empty_p50_ms", empty_ms)
        .with("p50_ms", large_ms)
        .with("ratio", rounded(large_ms / empty_ms))
        .with("p99_ms", percentile_ms(&large, 0.99))
        .with("list_ms", percentile_ms(&lists, 0.5))
        .with("search_ms", percentile_ms(&searches, 0.5))
        .with("stats_ms", percentile_ms(&counts, 0.5))
        .with("errors", 0)
        .with("file_bytes", place.file_bytes().unwrap_or_default())
        .with("rss_bytes", rss_bytes())
        .print(output)
}

/// The times of turns of one new conversation.
async fn turns(
    store: &Arc<dyn Store>,
    model: &Arc<dyn ChatModel>,
) -> Result<Vec<Duration>, Failure> {
    let graph = notebook::graph(model, Some(store.clone()), true)?;
    let thread = graph.thread("turns").user("new");
    let mut times = Vec::with_capacity(TURNS);
    for i in 0..2 * TURNS {
        let begun = Instant::now();
        thread.invoke(notebook::turn(i)).await?;
        if i >= TURNS {
            times.push(begun.elapsed());
        }
    }
    Ok(times)
}
