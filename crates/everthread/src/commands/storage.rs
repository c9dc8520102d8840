//! `everthread storage`: sizes, and whether everything is sound.

use everthread_store::{CheckReport, Stats, Store};
use serde_json::json;

use crate::cli::Storage;
use crate::failure::{Exit, Failure};
use crate::output::{Output, bytes, table};
use crate::settings::Settings;
use crate::terminal::progress;
use crate::wiring;

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    output: Output,
    command: &Storage,
) -> Result<(), Failure> {
    let store = wiring::open_existing_store(settings).await?;
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
        .await?;
    bar.finish_and_clear();
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
            "the storage contradicts itself in {} places",
            report.problems.len()
        ),
    )
    .reported())
}

fn check_lines(report: &CheckReport) -> String {
    let mut text = format!(
        "Read {} threads, {} checkpoints, {} messages.\n",
        report.threads, report.checkpoints, report.messages
    );
    if report.problems.is_empty() {
        return text + "Everything is sound.\n";
    }
    for problem in &report.problems {
        text += &format!("{}: {}\n", problem.place, problem.what);
    }
    text
}
