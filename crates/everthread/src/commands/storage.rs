//! `everthread storage`: sizes, and whether everything is sound.

use everthread_store::{CheckReport, Stats, Store, StoreErrorKind};
use serde_json::json;

use crate::cli::Storage;
use crate::failure::{Exit, Failure};
use crate::output::{Output, bytes, count, table};
use crate::settings::Settings;
use crate::terminal::progress;
use crate::wiring;

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    output: Output,
    command: &Storage,
) -> Result<(), Failure> {
    let store = wiring::open_to_read(settings).await;
    let store = match (store, command) {
        (Err(failure), Storage::Check) if failure.is_damage() => return Err(beyond(&failure)),
        (store, _) => store?,
    };
    let done = match command {
        Storage::Stats => stats(&*store, output).await,
        Storage::Check => check(&*store, output).await,
    };
    let closed = store.close().await;
    done?;
    Ok(closed?)
}

async fn stats(store: &dyn Store, output: Output) -> Result<(), Failure> {
    let stats = store.stats().await?;
    let kinds: Vec<_> = stats
        .kinds
        .iter()
        .map(|size| json!({ "kind": size.kind, "bytes": size.bytes }))
        .collect();
    let document = json!({
        "storage": stats.storage, "engine": stats.engine,
        "file_bytes": stats.file_bytes, "live_bytes": stats.live_bytes,
        "users": stats.users, "threads": stats.threads, "messages": stats.messages,
        "checkpoints": stats.checkpoints, "runs": stats.runs, "items": stats.items,
        "unindexed": stats.unindexed, "kinds": kinds,
    });
    output.print(document, || stats_lines(&stats))
}

fn stats_lines(stats: &Stats) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("storage", stats.storage.clone()),
        row("engine", stats.engine.clone()),
        row("on disk", bytes(stats.file_bytes)),
        row("in use", bytes(stats.live_bytes)),
        row("users", stats.users.to_string()),
        row("threads", stats.threads.to_string()),
        row("messages", stats.messages.to_string()),
        row("checkpoints", stats.checkpoints.to_string()),
        row("runs", stats.runs.to_string()),
        row("items", stats.items.to_string()),
        row("not indexed yet", stats.unindexed.to_string()),
    ];
    for size in &stats.kinds {
        rows.push(row(&format!("  {}", size.kind), bytes(size.bytes)));
    }
    table(&["", ""], &rows).trim_start().to_owned()
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
