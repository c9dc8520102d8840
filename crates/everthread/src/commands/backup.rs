//! `everthread backup`: making backups, proving them, and putting them back.

mod create;
mod import;
mod langgraph;
mod list;
mod restore;
pub(crate) mod schedule;
mod verify;

use std::time::{SystemTime, UNIX_EPOCH};

use everthread_backup::BackupError;
use everthread_graph::contract::ThreadKey;
use everthread_store::portable::Scope;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::cli::{BackupCommand as Command, BackupOf};
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::{Settings, thread_id, user_id};

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    output: Output,
    command: &Command,
) -> Result<(), Failure> {
    match command {
        Command::Create {
            kind,
            place,
            prefix,
            of,
            verify,
        } => {
            let wanted = create::Wanted {
                kind: *kind,
                dir: place.dir.as_deref(),
                prefix: prefix.as_deref(),
                of,
                verify: *verify,
            };
            create::run(settings, output, &wanted).await
        }
        Command::List { place } => list::run(settings, output, place.dir.as_deref()),
        Command::Verify { file } => verify::run(output, file).await,
        Command::Restore {
            file,
            yes,
            dry_run,
            with_erased,
        } => {
            let wanted = restore::Wanted {
                file,
                asks: !yes,
                dry_run: *dry_run,
                with_erased: *with_erased,
            };
            restore::run(settings, output, &wanted).await
        }
        Command::Prune {
            place,
            prefix,
            keep_last,
            keep_daily,
            dry_run,
        } => {
            let mut rules = settings.backup_rules();
            rules.last = keep_last.unwrap_or(rules.last);
            rules.daily = keep_daily.unwrap_or(rules.daily);
            let prefix = prefix.as_deref();
            list::prune(
                settings,
                output,
                place.dir.as_deref(),
                prefix,
                rules,
                *dry_run,
            )
        }
        Command::Export { file, of } => create::export(settings, output, file.as_deref(), of).await,
        Command::Import {
            file,
            on_conflict,
            dry_run,
            with_erased,
            owner,
        } => {
            let how = import::rules(*on_conflict, *dry_run, *with_erased);
            import::run(settings, output, file, how, owner).await
        }
    }
}

/// The time.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Of whom.
fn scope(settings: &Settings, of: &BackupOf) -> Result<Scope, Failure> {
    match (&of.user, &of.thread) {
        (None, None) => Ok(Scope::Whole),
        (Some(user), None) => Ok(Scope::User(user_id(user)?)),
        (user, Some(thread)) => Ok(Scope::Thread(ThreadKey {
            user: settings.user(user.as_deref())?,
            thread: thread_id(thread)?,
        })),
    }
}

/// A scope for machines.
fn scope_json(scope: &Scope) -> Value {
    match scope {
        Scope::Whole => json!({ "kind": "whole" }),
        Scope::User(user) => json!({ "kind": "user", "user_id": user.as_str() }),
        Scope::Thread(key) => json!({
            "kind": "thread", "user_id": key.user.as_str(), "thread_id": key.thread.as_str(),
        }),
    }
}

/// A scope for people.
fn scope_line(scope: &Scope) -> String {
    match scope {
        Scope::Whole => "everything".to_owned(),
        Scope::User(user) => format!("user {user}"),
        Scope::Thread(key) => key.to_string(),
    }
}

/// Shows how far work has come.
fn tell(bar: &ProgressBar) -> impl FnMut(u64, u64) + Send + use<> {
    let bar = bar.clone();
    move |done, all| {
        if all > 0 {
            bar.set_length(all);
        }
        bar.set_position(done);
    }
}

/// A failure with the file that it is about.
fn about(file: &std::path::Path, error: BackupError) -> Failure {
    Failure::from(error).within(file.display().to_string())
}
