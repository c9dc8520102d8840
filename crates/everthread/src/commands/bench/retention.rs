//! `bench retention`: conversations go on while old ones are removed; their latency with and without that.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use everthread_model::ChatModel;
use everthread_store::Store;
use everthread_store::retention::{CleanUp, Cleaned, Policies, Policy, clean_up};
use tokio::task::JoinSet;

use super::fill::fill;
use super::notebook;
use super::place::Place;
use super::report::{Line, percentile_ms, rounded, rss_bytes};
use crate::cli::Bench;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Conversations that go on.
const TALKS: usize = 32;
/// How long it is measured without the pass.
const WITHOUT: Duration = Duration::from_secs(10);
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Runs it on a store of its own.
pub(super) async fn run(
    output: Output,
    args: &Bench,
    model: Arc<dyn ChatModel>,
    storage: Option<String>,
) -> Result<(), Failure> {
    let place = Place::fresh(storage.as_deref()).await?;
    let store = place.open().await?;
    fill(&store, &model, args.threads).await?;
    let before = place.file_bytes().unwrap_or_default();
    let old_ms = now_ms();

    let load = Load::begin(&store, &model, 0);
    tokio::time::sleep(WITHOUT).await;
    let without = load?.end().await?;

    let load = Load::begin(&store, &model, 1);
    let begun = Instant::now();
    let cleaned = pass(&*store, old_ms).await;
    let took = begun.elapsed();
    let with = load?.end().await?;
    let cleaned = cleaned?;
    store.settle().await?;
    let file_bytes = place.file_bytes().unwrap_or_default();
    store.close().await?;
    let (alone, beside) = (percentile_ms(&without, 0.99), percentile_ms(&with, 0.99));
    Line::new("retention", &place.name())
        .with("removed_threads", cleaned.removed.threads)
        .with("removed_messages", cleaned.removed.messages)
        .with("took_s", rounded(took.as_secs_f64()))
        .with("turns_without", without.len())
        .with("turns", with.len())
        .with("p50_without_ms", percentile_ms(&without, 0.5))
        .with("p50_ms", percentile_ms(&with, 0.5))
        .with("p99_without_ms", alone)
        .with("p99_ms", beside)
        .with("ratio", rounded(beside / alone))
        .with("errors", 0)
        .with("file_bytes_before", before)
        .with("file_bytes", file_bytes)
        .with("file_bytes_closed", place.file_bytes().unwrap_or_default())
        .with("rss_bytes", rss_bytes())
        .print(output)
}

/// Removes what did not change after this time.
async fn pass(store: &dyn Store, old_ms: i64) -> Result<Cleaned, Failure> {
    let day = Policy {
        idle_days: Some(1),
        ..Policy::default()
    };
    let how = CleanUp {
        policies: Policies {
            default: day,
            ..Policies::default()
        },
        now_ms: old_ms + DAY_MS,
        ..CleanUp::default()
    };
    Ok(clean_up(store, &how, &mut |_| ControlFlow::Continue(())).await?)
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// Conversations that go on until they are told to end.
struct Load {
    stop: Arc<AtomicBool>,
    talks: JoinSet<Result<Vec<Duration>, Failure>>,
}

impl Load {
    fn begin(
        store: &Arc<dyn Store>,
        model: &Arc<dyn ChatModel>,
        round: usize,
    ) -> Result<Self, Failure> {
        let graph = Arc::new(notebook::graph(model, Some(store.clone()), true)?);
        let stop = Arc::new(AtomicBool::new(false));
        let mut talks = JoinSet::new();
        for n in 0..TALKS {
            let (graph, stop) = (Arc::clone(&graph), Arc::clone(&stop));
            talks.spawn(async move {
                let (thread, user) = (format!("round{round}"), format!("new{n}"));
                let thread = graph.thread(thread.as_str()).user(user.as_str());
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    thread.invoke(notebook::turn(times.len())).await?;
                    times.push(begun.elapsed());
                }
                Ok(times)
            });
        }
        Ok(Self { stop, talks })
    }

    /// The times of all turns.
    async fn end(mut self) -> Result<Vec<Duration>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        while let Some(done) = self.talks.join_next().await {
            let done = done.map_err(|error| {
                Failure::new(Exit::Failed, "a conversation ended").because(error)
            })?;
            times.extend(done?);
        }
        Ok(times)
    }
}
