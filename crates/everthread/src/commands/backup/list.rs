//! `backup list` and `backup prune`

use std::path::Path;

use everthread_backup::{DEFAULT_PREFIX, KeepRules, Listed};
use serde_json::{Value, json};

use super::{scope_json, scope_line};
use crate::failure::Failure;
use crate::output::{Output, bytes, local_time, rfc3339, table};
use crate::settings::Settings;
use crate::wiring::backup::backup_dir;

pub(super) fn run(settings: &Settings, output: Output, dir: Option<&Path>) -> Result<(), Failure> {
    let dir = backup_dir(settings, dir);
    let listed = everthread_backup::list(&dir)?;
    let document = json!({ "dir": dir, "backups": listed.iter().map(entry).collect::<Vec<_>>() });
    output.print(document, || lines(&listed))
}

fn entry(one: &Listed) -> Value {
    match &one.backup {
        Ok(backup) => {
            let facts = backup.facts();
            json!({
                "name": one.name, "path": one.path, "kind": backup.form().as_str(),
                "scope": scope_json(&facts.scope), "bytes": facts.bytes,
                "created_at": rfc3339(facts.created_ms), "software": facts.software,
                "verified_at": one.verified_ms.map(rfc3339),
            })
        }
        Err(error) => json!({ "name": one.name, "path": one.path, "error": error.to_string() }),
    }
}

fn lines(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "There are no backups; `everthread backup create` makes one.\n".to_owned();
    }
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|one| match &one.backup {
            Ok(backup) => vec![
                one.name.clone(),
                backup.form().as_str().to_owned(),
                scope_line(&backup.facts().scope),
                bytes(backup.facts().bytes),
                local_time(backup.facts().created_ms),
                one.verified_ms.map_or("no".to_owned(), local_time),
            ],
            Err(error) => {
                let none = String::new;
                vec![
                    one.name.clone(),
                    error.to_string(),
                    none(),
                    none(),
                    none(),
                    none(),
                ]
            }
        })
        .collect();
    table(
        &["name", "kind", "of", "size", "created", "verified"],
        &rows,
    )
}

pub(super) fn prune(
    settings: &Settings,
    output: Output,
    dir: Option<&Path>,
    prefix: Option<&str>,
    rules: KeepRules,
    dry_run: bool,
) -> Result<(), Failure> {
    let dir = backup_dir(settings, dir);
    let prefix = prefix.unwrap_or(DEFAULT_PREFIX);
    let gone = everthread_backup::prune(&dir, prefix, rules, dry_run)?;
    let document = json!({ "deleted": gone, "dry_run": dry_run });
    output.print(document, || {
        let done = if dry_run { "Would delete" } else { "Deleted" };
        let mut text = format!("{done} {} backups.\n", gone.len());
        for path in &gone {
            text += &format!("  {}\n", path.display());
        }
        text
    })
}
