//! `everthread storage`: sizes, what keeps it small and quick, and whether everything is sound.

mod cleanup;
mod optimize;
mod stats;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use everthread_store::{CheckReport, Store, StoreErrorKind};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::cli::Storage;
use crate::failure::{Exit, Failure};
use crate::output::{Output, count};
use crate::settings::Settings;
use crate::terminal::progress;
use crate::wiring;

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    output: Output,
    command: &Storage,
) -> Result<(), Failure> {
    let store = match command {
        Storage::Cleanup(args) if args.dry_run => wiring::open_to_read(settings).await,
        Storage::Stats | Storage::Check => wiring::open_to_read(settings).await,
        Storage::Cleanup(_) | Storage::Optimize { .. } => {
            wiring::open_existing_store(settings).await
        }
    };
    let store = match (store, command) {
        (Err(failure), Storage::Check) if failure.is_damage() => return Err(beyond(&failure)),
        (store, _) => store?,
    };
    let done = match command {
        Storage::Stats => stats::run(&*store, output).await,
        Storage::Cleanup(args) => cleanup::run(settings, &*store, output, args).await,
        Storage::Optimize { full } => optimize::run(&*store, output, *full).await,
        Storage::Check => check(&*store, output).await,
    };
    let closed = store.close().await;
    done?;
    Ok(closed?)
}

async fn check(store: &dyn Store, output: Output) -> Result<(), Failure> {
    let bar = progress::of_steps("Checking", 0);
    let report = store
        .check(&mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })
        .await;
    bar.finish_and_clear();
    let report = report.map_err(|error| match error.kind() {
        StoreErrorKind::Corrupt => beyond(&error.into()),
        _ => error.into(),
    })?;
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|problem| json!({ "place": problem.place, "what": problem.what }))
        .collect();
    let document = json!({
        "threads": report.threads, "checkpoints": report.checkpoints, "messages": report.messages,
        "problems": problems,
    });
    output.print(document, || check_lines(&report))?;
    if report.problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        format!(
            "the storage contradicts itself in {}",
            count(report.problems.len() as u64, "place")
        ),
    )
    .reported())
}

/// Where not even a check can read a file, what is left to do.
fn beyond(failure: &Failure) -> Failure {
    let what = "nothing of the storage can be read; restore a verified backup, or save what is left into a new file: \
                sqlite3 FILE .recover | sqlite3 NEW";
    Failure::new(Exit::Invalid, what).because(failure.cause())
}

fn check_lines(report: &CheckReport) -> String {
    let mut text = format!(
        "Read {}, {}, {}.\n",
        count(report.threads, "thread"),
        count(report.checkpoints, "checkpoint"),
        count(report.messages, "message")
    );
    if report.problems.is_empty() {
        return text + "Everything is sound.\n";
    }
    for problem in &report.problems {
        text += &format!("{}: {}\n", problem.place, problem.what);
    }
    text
}

/// Whether somebody has asked to stop (Ctrl-C): from then on the work ends with its next slice.
struct Stop {
    asked: Arc<AtomicBool>,
    listener: JoinHandle<()>,
}

impl Stop {
    fn listen() -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&asked);
        let listener = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                heard.store(true, Ordering::Relaxed);
            }
        });
        Self { asked, listener }
    }

    /// Whether the work goes on.
    fn go_on(&self) -> ControlFlow<()> {
        match self.asked.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// The error of work that was stopped, once it is told how far it came.
fn stopped() -> Failure {
    Failure::new(
        Exit::Failed,
        "stopped before the end; the same command goes on",
    )
    .reported()
}
