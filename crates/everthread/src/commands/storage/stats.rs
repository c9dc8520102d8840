//! `storage stats`

use everthread_store::{Stats, Store};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Output, bytes, count, printable, rfc3339, table};

pub(super) async fn run(store: &dyn Store, output: Output) -> Result<(), Failure> {
    let stats = store.stats().await?;
    output.print(document(&stats), || lines(&stats))
}

fn document(stats: &Stats) -> Value {
    let kinds: Vec<_> = stats
        .kinds
        .iter()
        .map(|size| json!({ "kind": size.kind, "bytes": size.bytes }))
        .collect();
    let threads: Vec<_> = stats
        .largest_threads
        .iter()
        .map(|one| json!({ "user": one.key.user.as_str(), "thread": one.key.thread.as_str(), "messages": one.messages }))
        .collect();
    let users: Vec<_> = stats
        .largest_users
        .iter()
        .map(|one| json!({ "user": one.user.as_str(), "messages": one.messages }))
        .collect();
    let active =
        json!({ "day": stats.active.day, "week": stats.active.week, "month": stats.active.month });
    json!({
        "storage": stats.storage, "engine": stats.engine,
        "file_bytes": stats.file_bytes, "live_bytes": stats.live_bytes,
        "growth_day_bytes": stats.growth_day_bytes, "saved_bytes": stats.saved_bytes,
        "users": stats.users, "active_users": active, "threads": stats.threads,
        "messages": stats.messages, "messages_day": stats.messages_day,
        "messages_per_hour": stats.messages_day as f64 / 24.0,
        "checkpoints": stats.checkpoints, "runs": stats.runs, "items": stats.items,
        "unindexed": stats.unindexed, "largest_threads": threads, "largest_users": users,
        "kinds": kinds, "measured_at": stats.measured_ms.map(rfc3339),
    })
}

fn lines(stats: &Stats) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let active = &stats.active;
    let growth = match u64::try_from(stats.growth_day_bytes) {
        Ok(more) => bytes(more),
        Err(_) => format!("-{}", bytes(stats.growth_day_bytes.unsigned_abs())),
    };
    let mut rows = vec![
        row("storage", stats.storage.clone()),
        row("engine", stats.engine.clone()),
        row("on disk", bytes(stats.file_bytes)),
        row("in use", bytes(stats.live_bytes)),
        row("growth in a day", growth),
        row("saved by deltas", bytes(stats.saved_bytes)),
        row("users", stats.users.to_string()),
        row(
            "active users",
            format!(
                "{} in a day, {} in a week, {} in a month",
                active.day, active.week, active.month
            ),
        ),
        row("threads", stats.threads.to_string()),
        row("messages", stats.messages.to_string()),
        row("messages in a day", stats.messages_day.to_string()),
        row("checkpoints", stats.checkpoints.to_string()),
        row("runs", stats.runs.to_string()),
        row("items", stats.items.to_string()),
        row("not indexed yet", stats.unindexed.to_string()),
    ];
    for size in &stats.kinds {
        rows.push(row(&format!("  {}", size.kind), bytes(size.bytes)));
    }
    let mut text = table(&["", ""], &rows).trim_start().to_owned();
    let threads = stats.largest_threads.iter().map(|one| {
        let name = format!(
            "{}/{}",
            printable(one.key.user.as_str()),
            printable(one.key.thread.as_str())
        );
        row(&name, count(one.messages, "message"))
    });
    text += &listed("largest threads", &threads.collect::<Vec<_>>());
    let users = stats.largest_users.iter().map(|one| {
        row(
            &printable(one.user.as_str()),
            count(one.messages, "message"),
        )
    });
    text += &listed("largest users", &users.collect::<Vec<_>>());
    if let Some(at_ms) = stats.measured_ms {
        let at = rfc3339(at_ms);
        text += &format!(
            "\nCheckpoints, runs and kinds are estimated from what was measured at {at}.\n"
        );
    }
    text
}

fn listed(what: &str, rows: &[Vec<String>]) -> String {
    match rows.is_empty() {
        true => String::new(),
        false => format!("\n{}", table(&[what, ""], rows)),
    }
}
