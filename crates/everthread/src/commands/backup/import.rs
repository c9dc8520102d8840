//! `backup import`

use std::path::Path;

use everthread_backup::langgraph::Translation;
use everthread_backup::{Backup, Import, Imported};
use everthread_store::portable::OnConflict;
use serde_json::{Value, json};

use super::{about, langgraph, tell};
use crate::cli::{ConflictPolicy, ImportOwner};
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Settings;
use crate::terminal::progress;
use crate::wiring;

pub(super) async fn run(
    settings: &Settings,
    output: Output,
    file: &Path,
    how: Import,
    owner: &ImportOwner,
) -> Result<(), Failure> {
    let translation = langgraph::translated(settings, file, owner).await?;
    let opened = match &translation {
        Some(translation) => Ok(translation.backup().clone()),
        None => Backup::open(file),
    };
    let backup = opened.map_err(|error| about(file, error))?;
    let store = wiring::open_store(settings).await?;
    let bar = progress::of_steps("Importing", 0);
    let imported = everthread_backup::import(&*store, &backup, how, &mut tell(&bar)).await;
    bar.finish_and_clear();
    let closed = store.close().await;
    let imported = imported.map_err(|error| about(file, error))?;
    closed?;
    let report = translation.as_ref().map(Translation::report);
    let mut document = document(&imported, how.dry_run);
    if let Some(report) = report {
        document["langgraph"] = langgraph::document(report);
    }
    output.print(document, || {
        let told = report.map(langgraph::lines).unwrap_or_default();
        lines(&imported, how.dry_run) + &told
    })
}

/// What the flags mean.
pub(super) fn rules(policy: ConflictPolicy, dry_run: bool, with_erased: bool) -> Import {
    Import {
        on_conflict: match policy {
            ConflictPolicy::Skip => OnConflict::Skip,
            ConflictPolicy::Replace => OnConflict::Replace,
            ConflictPolicy::Newer => OnConflict::Newer,
            ConflictPolicy::Copy => OnConflict::Copy,
        },
        dry_run,
        with_erased,
    }
}

/// What was imported, for machines.
pub(super) fn document(imported: &Imported, dry_run: bool) -> Value {
    json!({
        "users": {
            "created": imported.users_created, "replaced": imported.users_replaced, "kept": imported.users_kept,
            "left_erased": imported.users_left_erased,
        },
        "threads": {
            "created": imported.threads_created, "replaced": imported.threads_replaced,
            "copied": imported.threads_copied, "kept": imported.threads_kept,
        },
        "rows": { "written": imported.rows_written, "skipped": imported.rows_skipped },
        "dry_run": dry_run,
    })
}

/// The same for people.
pub(super) fn lines(imported: &Imported, dry_run: bool) -> String {
    let begin = if dry_run { "Would import" } else { "Imported" };
    format!(
        "{begin} users: {} new, {} replaced, {} left as they are, {} left erased.\n\
         {begin} threads: {} new, {} replaced, {} beside what was there, {} left as they are.\n",
        imported.users_created,
        imported.users_replaced,
        imported.users_kept,
        imported.users_left_erased,
        imported.threads_created,
        imported.threads_replaced,
        imported.threads_copied,
        imported.threads_kept,
    )
}
