//! `threads rename|pin|unpin|archive|unarchive|delete`

use std::io::{self, Write};

use everthread_store::ThreadPatch;
use serde_json::json;

use super::Scope;
use super::list::thread_json;
use crate::failure::{Exit, Failure};
use crate::output::{count, is_interactive, printable};

/// Longest title, in characters.
const MAX_TITLE: usize = 255;

pub(super) async fn rename(scope: &Scope<'_>, thread: &str, title: &str) -> Result<(), Failure> {
    let title = title.trim();
    if title.is_empty() {
        return Err(Failure::new(Exit::Invalid, "a title must not be empty"));
    }
    let chars = title.chars().count();
    if chars > MAX_TITLE {
        let what = format!("a title has at most {MAX_TITLE} characters, not {chars}");
        return Err(Failure::new(Exit::Invalid, what));
    }
    let patch_title = ThreadPatch {
        title: Some(title.to_owned()),
        ..ThreadPatch::default()
    };
    patch(scope, thread, patch_title).await
}

pub(super) async fn patch(
    scope: &Scope<'_>,
    thread: &str,
    patch: ThreadPatch,
) -> Result<(), Failure> {
    let (key, _) = scope.known(thread).await?;
    let changed = scope.store.update_thread(&key, patch).await?;
    scope
        .output
        .print(json!({ "thread": thread_json(&changed) }), || {
            format!(
                "{} · {}{}{}",
                changed.id,
                printable(changed.title.as_deref().unwrap_or("no title")),
                if changed.pinned { " · pinned" } else { "" },
                if changed.archived { " · archived" } else { "" },
            )
        })
}

pub(super) async fn delete(scope: &Scope<'_>, thread: &str, yes: bool) -> Result<(), Failure> {
    let (key, found) = scope.known(thread).await?;
    if !yes {
        confirm(thread, found.messages)?;
    }
    let gone = scope.store.delete_thread(&key).await?;
    let document = json!({ "deleted": {
        "thread": thread, "messages": gone.messages, "checkpoints": gone.checkpoints, "runs": gone.runs,
    }});
    scope.output.print(document, || {
        format!(
            "Deleted {thread}: {}, {}, {}.",
            count(gone.messages, "message"),
            count(gone.checkpoints, "checkpoint"),
            count(gone.runs, "run")
        )
    })
}

fn confirm(thread: &str, messages: u64) -> Result<(), Failure> {
    if !is_interactive() {
        return Err(Failure::new(
            Exit::Usage,
            format!("deleting {thread} needs --yes where nobody can be asked"),
        ));
    }
    let messages = count(messages, "message");
    eprint!("Delete {thread} and its {messages} for ever? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "nothing was deleted"))
}
