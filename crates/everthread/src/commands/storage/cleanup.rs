//! `storage cleanup`

use std::time::{SystemTime, UNIX_EPOCH};

use everthread_store::retention::{CleanUp, Cleaned, LISTED, Policies, Policy, clean_up};
use everthread_store::upkeep::Upkeep;
use everthread_store::{Goes, StaleThread, Store};
use serde_json::{Value, json};

use super::optimize::tend_shown;
use super::{Stop, stopped};
use crate::cli::Cleanup;
use crate::failure::{Exit, Failure};
use crate::output::{Output, bytes, count, local_time, printable, rfc3339, table};
use crate::settings::{Settings, user_id};
use crate::terminal::progress;

pub(super) async fn run(
    settings: &Settings,
    store: &dyn Store,
    output: Output,
    args: &Cleanup,
) -> Result<(), Failure> {
    let how = plan(settings, store, args).await?;
    let before = store.stats().await?.file_bytes;
    let stop = Stop::listen();
    let bar = progress::of_bytes("Cleaning up", 0);
    let cleaned = clean_up(store, &how, &mut |slice| {
        bar.set_length(slice.removed.bytes);
        bar.set_position(slice.removed.bytes);
        stop.go_on()
    })
    .await;
    bar.finish_and_clear();
    drop(stop);
    let cleaned = cleaned?;
    let mut is_whole = !cleaned.stopped;
    if !how.dry_run && is_whole && cleaned.removed.threads + cleaned.removed.checkpoints > 0 {
        // What went leaves the file, and its words leave the index.
        let tasks = match cleaned.removed.threads {
            0 => &[Upkeep::Space, Upkeep::Log][..],
            _ => &[Upkeep::Index, Upkeep::Space, Upkeep::Log],
        };
        is_whole = tend_shown(store, tasks).await?.1;
    }
    let after = store.stats().await?.file_bytes;
    let document = document(&how, &cleaned, (before, after), is_whole);
    output.print(document, || lines(&how, &cleaned, (before, after)))?;
    match is_whole {
        true => Ok(()),
        false => Err(stopped()),
    }
}

/// What is to be done: the policies that are kept, with what the command line says in the place of the settings.
async fn plan(settings: &Settings, store: &dyn Store, args: &Cleanup) -> Result<CleanUp, Failure> {
    let set = settings.retention();
    let default = Policy {
        max_age_days: args.max_age_days.or(set.max_age_days),
        idle_days: args.idle_days.or(set.idle_days),
        keep_checkpoints: args.keep_checkpoints.or(set.keep_checkpoints),
    };
    let policies = Policies::load(store, default).await?;
    if policies.keep_all() {
        let what = "no limit is set, so nothing is removed: name one, such as --idle-days 30, or set [retention] in \
                    everthread.toml";
        return Err(Failure::new(Exit::Usage, what));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(CleanUp {
        policies,
        now_ms: now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX)),
        user: args.user.as_deref().map(user_id).transpose()?,
        dry_run: args.dry_run,
    })
}

fn document(how: &CleanUp, cleaned: &Cleaned, file: (u64, u64), is_whole: bool) -> Value {
    let removed = &cleaned.removed;
    let threads: Vec<Value> = cleaned.threads.iter().map(thread_json).collect();
    json!({
        "dry_run": how.dry_run, "stopped": !is_whole,
        "removed": {
            "threads": removed.threads, "messages": removed.messages, "checkpoints": removed.checkpoints,
            "bytes": removed.bytes,
        },
        "pruned_threads": cleaned.pruned_threads, "threads": threads,
        "file_bytes_before": file.0, "file_bytes_after": file.1,
    })
}

fn thread_json(thread: &StaleThread) -> Value {
    json!({
        "user": thread.key.user.as_str(), "thread": thread.key.thread.as_str(), "title": thread.title,
        "created_at": rfc3339(thread.created_ms), "updated_at": rfc3339(thread.updated_ms),
        "messages": thread.messages, "goes": goes(thread),
        "bytes": thread.size.map(|size| size.bytes),
        "checkpoints": thread.size.map(|size| size.checkpoints),
    })
}

fn goes(thread: &StaleThread) -> &'static str {
    match thread.goes {
        Goes::Thread => "thread",
        Goes::Checkpoints => "checkpoints",
    }
}

fn lines(how: &CleanUp, cleaned: &Cleaned, file: (u64, u64)) -> String {
    let removed = &cleaned.removed;
    let what = format!(
        "{}, {}, {}",
        count(removed.threads, "conversation"),
        count(removed.messages, "message"),
        count(removed.checkpoints, "checkpoint")
    );
    let mut text = String::new();
    if how.dry_run && !cleaned.threads.is_empty() {
        let rows: Vec<Vec<String>> = cleaned.threads.iter().map(row).collect();
        text += &table(
            &["user", "conversation", "last change", "goes", "bytes"],
            &rows,
        );
        let more = removed.threads + cleaned.pruned_threads;
        if more > LISTED as u64 {
            text += &format!("… and {} more\n", more - LISTED as u64);
        }
        text += "\n";
    }
    text += &match how.dry_run {
        true => format!("Would remove {what}: about {}.\n", bytes(removed.bytes)),
        false => format!(
            "Removed {what}. The storage had {} and has {}.\n",
            bytes(file.0),
            bytes(file.1)
        ),
    };
    text
}

fn row(thread: &StaleThread) -> Vec<String> {
    vec![
        printable(thread.key.user.as_str()),
        printable(
            thread
                .title
                .as_deref()
                .unwrap_or(thread.key.thread.as_str()),
        ),
        local_time(thread.updated_ms),
        goes(thread).to_owned(),
        thread.size.map_or(String::new(), |size| bytes(size.bytes)),
    ]
}
