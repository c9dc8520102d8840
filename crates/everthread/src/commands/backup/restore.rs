//! `backup restore`

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use everthread::SqliteFiles;
use everthread_backup::restore::{Changes, Holds, Restore, prepare, restore_part};
use everthread_backup::{Backup, BackupError, BackupErrorKind};
use everthread_store::portable::Scope;
use serde_json::{Value, json};

use super::{about, import, now_ms, scope_line, tell};
use crate::failure::{Exit, Failure};
use crate::output::{Output, is_interactive, local_time};
use crate::settings::Settings;
use crate::terminal::progress;
use crate::wiring;
use crate::wiring::backup::storage_file;

/// What is wanted of `backup restore`.
pub(super) struct Wanted<'a> {
    pub(super) file: &'a Path,
    pub(super) asks: bool,
    pub(super) dry_run: bool,
    pub(super) with_erased: bool,
}

pub(super) async fn run(
    settings: &Settings,
    output: Output,
    wanted: &Wanted<'_>,
) -> Result<(), Failure> {
    let backup = Backup::open(wanted.file).map_err(|error| about(wanted.file, error))?;
    if wanted.asks && !wanted.dry_run && !is_interactive() {
        return Err(Failure::new(
            Exit::Usage,
            "restoring needs --yes where nobody can be asked; --dry-run says what would change",
        ));
    }
    let how = Restore {
        with_erased: wanted.with_erased,
        now_ms: now_ms(),
    };
    if backup.facts().scope == Scope::Whole {
        whole(settings, output, wanted, &backup, how).await
    } else {
        part(settings, output, wanted, &backup, how).await
    }
}

async fn whole(
    settings: &Settings,
    output: Output,
    wanted: &Wanted<'_>,
    backup: &Backup,
    how: Restore,
) -> Result<(), Failure> {
    let target = storage_file(settings)?;
    let bar = progress::of_steps("Restoring", 0);
    let prepared = prepare(backup, &target, &SqliteFiles, how, &mut tell(&bar)).await;
    bar.finish_and_clear();
    let prepared = prepared.map_err(|error| failed(wanted.file, error))?;
    let changes = prepared.changes().clone();
    if wanted.dry_run {
        return output.print(document(&changes, true, None), || said(backup, &changes));
    }
    if wanted.asks {
        eprint!("{}", said(backup, &changes));
        ask(&target.display().to_string())?;
    }
    let restored = prepared.swap(Arc::new(SqliteFiles)).await;
    let restored = restored.map_err(|error| failed(wanted.file, error))?;
    let safety = restored.safety_copy.as_deref();
    output.print(document(&changes, false, safety), || {
        let mut text = said(backup, &changes);
        text += &format!("Restored {}.\n", target.display());
        if let Some(path) = safety {
            text += &format!("What was there before is kept in {}.\n", path.display());
        }
        text
    })
}

/// The failure of a restore; where another process has the storage open, with what a server does about it.
fn failed(file: &Path, error: BackupError) -> Failure {
    if error.kind() != BackupErrorKind::InUse {
        return about(file, error);
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let hint = format!(
        "; a running server restores it without ending, from its own folder of backups: POST /api/backups/{name}/restore"
    );
    Failure::new(Exit::Conflict, format!("{error}{hint}"))
}

async fn part(
    settings: &Settings,
    output: Output,
    wanted: &Wanted<'_>,
    backup: &Backup,
    how: Restore,
) -> Result<(), Failure> {
    let store = wiring::open_store(settings).await?;
    let done = async {
        if wanted.asks && !wanted.dry_run {
            let would = restore_part(&*store, backup, how, true, &mut |_, _| {}).await?;
            eprint!("{}", import::lines(&would, true));
            ask(&scope_line(&backup.facts().scope))?;
        }
        let bar = progress::of_steps("Restoring", 0);
        let done = restore_part(&*store, backup, how, wanted.dry_run, &mut tell(&bar)).await;
        bar.finish_and_clear();
        done.map_err(|error| about(wanted.file, error))
    }
    .await;
    let closed = store.close().await;
    let done = done?;
    closed?;
    let document = import::document(&done, wanted.dry_run);
    output.print(document, || import::lines(&done, wanted.dry_run))
}

fn ask(what: &str) -> Result<(), Failure> {
    eprint!("Restore {what}? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "nothing was restored"))
}

fn holds(holds: &Holds) -> Value {
    json!({ "users": holds.users, "threads": holds.threads, "messages": holds.messages })
}

fn document(changes: &Changes, dry_run: bool, safety: Option<&Path>) -> Value {
    json!({
        "before": changes.before.as_ref().map(holds), "after": holds(&changes.after),
        "left_erased": changes.left_erased, "erased_unknown": changes.erased_unknown,
        "safety_copy": safety, "dry_run": dry_run,
    })
}

fn said(backup: &Backup, changes: &Changes) -> String {
    let count = |holds: &Holds| {
        format!(
            "{} users, {} threads, {} messages",
            holds.users, holds.threads, holds.messages
        )
    };
    let before = match &changes.before {
        Some(holds) => count(holds),
        None => "nothing that can be read".to_owned(),
    };
    let mut text = format!(
        "The backup is of {}.\nNow:   {before}\nAfter: {}\n",
        local_time(backup.facts().created_ms),
        count(&changes.after)
    );
    if changes.left_erased > 0 {
        text += &format!(
            "{} users stay erased (--with-erased brings them back).\n",
            changes.left_erased
        );
    }
    if let Some(why) = &changes.erased_unknown {
        text += &format!("Who was erased since is not known: {why}\n");
    }
    text
}
