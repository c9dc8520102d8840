//! `bench soak`: mixed work at 70 % of what this machine can do, for long. Memory, open files and latencies are to stay
//! as they are after the beginning.
//!
//! First it is measured for some seconds how much can be done; then every worker keeps its pace. The time is cut into
//! windows: each prints a line, and the last third is held against what came after the first window.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use everthread_chat::Chatbot;
use everthread_graph::AnyGraph;
use everthread_model::ChatModel;
use everthread_store::Store;

use super::load::{Load, Reading, Speaker, measure};
use super::place::Place;
use super::report::{Line, rounded, rss_bytes};
use crate::cli::{Bench, Mix};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::settings::Settings;
use crate::terminal::progress;

/// Turns of a conversation when nothing else is said.
const TURNS: usize = 10;
/// The share of what can be done that is asked for.
const SHARE: f64 = 0.7;
/// Windows, at least; one lasts [`WINDOW`] at most.
const WINDOWS: u32 = 9;
const WINDOW: Duration = Duration::from_secs(60);
/// How long it is measured what can be done, at most.
const CAPACITY: Duration = Duration::from_secs(20);

/// Memory may grow by this share, and by this much besides: an allocator keeps pages for later.
const MEMORY: (f64, u64) = (1.1, 16 << 20);
/// Open files may be so many more.
const FILES: u64 = 4;
/// Latencies may be so many times what they were, and so much longer besides.
const LATENCY: (f64, f64) = (1.5, 1.0);

/// What one window showed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    p50_ms: f64,
    p99_ms: f64,
    rss_bytes: u64,
    files: u64,
}

/// One figure of a window.
type Figure<'a> = &'a dyn Fn(&Window) -> f64;

/// Runs it. The storage is left behind when it was named.
pub(super) async fn run(
    settings: &Settings,
    output: Output,
    args: &Bench,
    model: Arc<dyn ChatModel>,
) -> Result<(), Failure> {
    if args.load.url.is_some() {
        let what = "soak looks at the memory of this process: leave out --url";
        return Err(Failure::new(Exit::Usage, what));
    }
    let place = Place::fresh(settings.storage_flag()).await?;
    let store = place.open().await?;
    let bot = Chatbot::new(Arc::clone(&store), model, settings.context_policy())?;
    let graph: Arc<dyn AnyGraph> = Arc::new(bot.graph().clone());
    let windows = soak(&graph, &store, args, &place.name(), output).await;
    store.settle().await?;
    store.close().await?;
    let grown = grown(&windows?);
    if grown.is_empty() {
        return Ok(());
    }
    let what = format!("not flat: {}", grown.join(", "));
    Err(Failure::new(Exit::Failed, what).reported())
}

async fn soak(
    graph: &Arc<dyn AnyGraph>,
    store: &Arc<dyn Store>,
    args: &Bench,
    name: &str,
    output: Output,
) -> Result<Vec<Window>, Failure> {
    let total = Duration::from_secs_f64(args.load.minutes * 60.0);
    let window = (total / WINDOWS).min(WINDOW);
    let bar = progress::of_steps("Seconds", total.as_secs());
    let speaker = |reading| Speaker::here(graph, store, reading);
    let mut load = Load::of(args, TURNS, Mix::MIXED);
    load.lasts = (total / WINDOWS).min(CAPACITY);
    let whole = measure(&load, Reading::Whole, speaker, &bar).await?;
    let paced = SHARE * whole.turns_per_s();
    load.pace = Some(Duration::from_secs_f64(
        f64::from(load.workers) / paced.max(1.0),
    ));
    load.lasts = window;
    let count = (total.as_secs_f64() / window.as_secs_f64()).round() as u32;
    let mut windows = Vec::new();
    for number in 1..=count.max(WINDOWS) {
        let measured = measure(&load, Reading::Whole, speaker, &bar).await?;
        if measured.tally.errors() > 0 {
            let what = format!("errors: {}", measured.tally.errors_by_kind());
            return Err(Failure::new(Exit::Failed, what).reported());
        }
        let now = Window {
            p50_ms: measured.tally.turn_ms(0.50),
            p99_ms: measured.tally.turn_ms(0.99),
            rss_bytes: rss_bytes(),
            files: open_files(),
        };
        windows.push(now);
        let line = Line::new("soak", name)
            .with("window", number)
            .with("users", load.users)
            .with("workers", load.workers)
            .with("asked_per_s", rounded(paced));
        let line = measured.tally.onto(line, measured.took);
        line.with("rss_bytes", now.rss_bytes)
            .with("open_files", now.files)
            .print(output)?;
    }
    bar.finish_and_clear();
    Ok(windows)
}

/// What is more in the last third than it was after the first window, the beginning.
fn grown(windows: &[Window]) -> Vec<String> {
    let third = windows.len() / 3;
    if third == 0 {
        return Vec::new();
    }
    let early = windows.get(1..=third).unwrap_or_default();
    let late = &windows[windows.len() - third..];
    let pair = |of: Figure<'_>| (median(early, of), median(late, of));
    let mut grown = Vec::new();
    let memory = pair(&|window| window.rss_bytes as f64);
    if memory.1 > memory.0 * MEMORY.0 + MEMORY.1 as f64 {
        grown.push(told("bytes of memory", memory));
    }
    let files = pair(&|window| window.files as f64);
    if files.1 > files.0 + FILES as f64 {
        grown.push(told("open files", files));
    }
    let latencies: [(&str, Figure<'_>); 2] = [
        ("ms, half of the turns", &|window| window.p50_ms),
        ("ms, 99 % of the turns", &|window| window.p99_ms),
    ];
    for (name, of) in latencies {
        let times = pair(of);
        if times.1 > times.0 * LATENCY.0 + LATENCY.1 {
            grown.push(told(name, times));
        }
    }
    grown
}

fn told(what: &str, (early, late): (f64, f64)) -> String {
    format!("{} {what} were {}", rounded(late), rounded(early))
}

/// A median, because a moment in which the machine did something else says nothing.
fn median(windows: &[Window], of: Figure<'_>) -> f64 {
    let mut all: Vec<f64> = windows.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// Files, sockets and pipes that this process holds open; 0 where the system does not tell.
fn open_files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: Window = Window {
        p50_ms: 1.0,
        p99_ms: 4.0,
        rss_bytes: 100 << 20,
        files: 20,
    };

    /// Nine windows that change evenly from one to another.
    fn towards(end: Window) -> Vec<Window> {
        let between = |from: f64, to: f64, at: f64| from + (to - from) * at;
        (0..9)
            .map(|n| {
                let at = f64::from(n) / 8.0;
                Window {
                    p50_ms: between(FLAT.p50_ms, end.p50_ms, at),
                    p99_ms: between(FLAT.p99_ms, end.p99_ms, at),
                    rss_bytes: between(FLAT.rss_bytes as f64, end.rss_bytes as f64, at) as u64,
                    files: between(FLAT.files as f64, end.files as f64, at) as u64,
                }
            })
            .collect()
    }

    #[test]
    fn what_stays_is_flat_and_what_grows_is_named() {
        assert!(grown(&towards(FLAT)).is_empty());
        let ends = [
            (
                Window {
                    rss_bytes: 200 << 20,
                    ..FLAT
                },
                "memory",
            ),
            (Window { files: 60, ..FLAT }, "open files"),
            (
                Window {
                    p50_ms: 9.0,
                    ..FLAT
                },
                "half",
            ),
            (
                Window {
                    p99_ms: 40.0,
                    ..FLAT
                },
                "99 %",
            ),
        ];
        for (end, name) in ends {
            let grown = grown(&towards(end));
            assert_eq!(grown.len(), 1, "{grown:?}");
            assert!(grown[0].contains(name), "{grown:?}");
        }
    }

    #[test]
    fn one_bad_moment_and_the_beginning_say_nothing() {
        let mut windows = towards(FLAT);
        windows[0].p99_ms = 0.1;
        windows[7].p99_ms = 400.0;
        assert!(grown(&windows).is_empty());
    }

    #[test]
    fn this_process_holds_files_open() {
        assert!(open_files() > 0);
    }
}
