//! `backup create` and `backup export`

use std::path::{Path, PathBuf};

use everthread_backup::{Create, Created, DEFAULT_PREFIX, Form, create};
use serde_json::{Value, json};

use super::{now_ms, scope, scope_json, scope_line, tell, verify};
use crate::cli::{BackupKind, BackupOf};
use crate::failure::Failure;
use crate::output::{Output, bytes};
use crate::settings::Settings;
use crate::terminal::progress;
use crate::wiring;
use crate::wiring::backup::backup_dir;

/// What is wanted of `backup create`.
pub(super) struct Wanted<'a> {
    pub(super) kind: BackupKind,
    pub(super) dir: Option<&'a Path>,
    pub(super) prefix: Option<&'a str>,
    pub(super) of: &'a BackupOf,
    pub(super) verify: bool,
}

pub(super) async fn run(
    settings: &Settings,
    output: Output,
    wanted: &Wanted<'_>,
) -> Result<(), Failure> {
    let what = Create {
        prefix: wanted.prefix.unwrap_or(DEFAULT_PREFIX).to_owned(),
        form: match wanted.kind {
            BackupKind::Snapshot => Form::Snapshot,
            BackupKind::Archive => Form::Archive,
        },
        scope: scope(settings, wanted.of)?,
        ..Create::archive(backup_dir(settings, wanted.dir), now_ms())
    };
    let made = make(settings, &what).await?;
    let verified = match wanted.verify {
        true => Some(verify::check(&made.path).await?),
        false => None,
    };
    let mut document = document(&what, &made);
    if let Some(verified) = &verified {
        document["verified"] = verify::json(verified);
    }
    output.print(document, || {
        let mut text = line(&what, &made);
        if let Some(verified) = &verified {
            text += &verify::lines(verified);
        }
        text
    })
}

pub(super) async fn export(
    settings: &Settings,
    output: Output,
    file: Option<&Path>,
    of: &BackupOf,
) -> Result<(), Failure> {
    let what = Create {
        form: Form::Export,
        scope: scope(settings, of)?,
        file: file.map(Path::to_owned),
        ..Create::archive(backup_dir(settings, None), now_ms())
    };
    let made = make(settings, &what).await?;
    output.print(document(&what, &made), || line(&what, &made))
}

async fn make(settings: &Settings, what: &Create) -> Result<Created, Failure> {
    let store = wiring::open_existing_store(settings).await?;
    let bar = progress::of_steps("Backing up", 0);
    let made = create(&*store, what, &mut tell(&bar)).await;
    bar.finish_and_clear();
    let closed = store.close().await;
    let made = made?;
    closed?;
    Ok(made)
}

fn document(what: &Create, made: &Created) -> Value {
    let path: &PathBuf = &made.path;
    json!({ "path": path, "kind": made.form.as_str(), "bytes": made.bytes, "rows": made.rows,
            "scope": scope_json(&what.scope) })
}

fn line(what: &Create, made: &Created) -> String {
    let rows = made
        .rows
        .map_or(String::new(), |rows| format!(", {rows} rows"));
    format!(
        "{}: {} of {}, {}{rows}\n",
        made.path.display(),
        made.form.as_str(),
        scope_line(&what.scope),
        bytes(made.bytes)
    )
}
