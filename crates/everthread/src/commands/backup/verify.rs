//! `backup verify`

use std::path::Path;

use everthread::SqliteFiles;
use everthread_backup::Verified;
use serde_json::{Value, json};

use super::{about, now_ms, tell};
use crate::failure::Failure;
use crate::output::Output;
use crate::terminal::progress;

pub(super) async fn run(output: Output, file: &Path) -> Result<(), Failure> {
    let verified = check(file).await?;
    output.print(json(&verified), || lines(&verified))
}

/// Restores a backup to scratch, beside it.
pub(super) async fn check(file: &Path) -> Result<Verified, Failure> {
    let scratch = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let bar = progress::of_steps("Verifying", 0);
    let verified =
        everthread_backup::verify(file, scratch, &SqliteFiles, now_ms(), &mut tell(&bar)).await;
    bar.finish_and_clear();
    verified.map_err(|error| about(file, error))
}

pub(super) fn json(verified: &Verified) -> Value {
    json!({
        "users": verified.users, "threads": verified.threads, "messages": verified.messages,
        "checkpoints": verified.checkpoints, "notes": verified.notes,
    })
}

pub(super) fn lines(verified: &Verified) -> String {
    let mut text = format!(
        "Restored to scratch and compared: {} users, {} threads, {} messages, {} checkpoints.\n",
        verified.users, verified.threads, verified.messages, verified.checkpoints
    );
    for note in &verified.notes {
        text += &format!("But {note}.\n");
    }
    text
}
