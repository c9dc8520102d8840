//! `backup import` of a LangGraph checkpoint database: what is asked of it, and what it says at the end.

use std::path::Path;

use everthread_backup::langgraph::{
    Left, LeftOut, Owner, Translate, Translated, Translation, translate,
};
use everthread_chat::title_of;
use everthread_sqlite::LangGraphFile;
use serde_json::{Value, json};

use super::{about, tell};
use crate::cli::ImportOwner;
use crate::failure::{Exit, Failure};
use crate::output::printable;
use crate::settings::Settings;
use crate::terminal::progress;

/// What of a database was left out, in so many lines; the rest is in the document.
const LINES: usize = 40;

/// The file as an archive; `None` when it is no checkpoint database.
pub(super) async fn translated(
    settings: &Settings,
    file: &Path,
    owner: &ImportOwner,
) -> Result<Option<Translation>, Failure> {
    let Some(database) = LangGraphFile::open(file)? else {
        if owner.user.is_some() || owner.user_before.is_some() {
            let what = "--user and --user-before are for LangGraph databases: archives and exports say whose everything is";
            return Err(Failure::new(Exit::Invalid, what));
        }
        return Ok(None);
    };
    let how = Translate {
        owner: Owner {
            before: owner.user_before.clone(),
            rest: settings.user(owner.user.as_deref())?,
        },
        title: title_of,
    };
    let bar = progress::of_steps("Reading", 0);
    let scratch = std::env::temp_dir();
    let translation = translate(Box::new(database), &scratch, how, &mut tell(&bar)).await;
    bar.finish_and_clear();
    translation.map(Some).map_err(|error| about(file, error))
}

/// What came over and what did not, for machines.
pub(super) fn document(report: &Translated) -> Value {
    let owners = report.owners.iter();
    let owners: serde_json::Map<_, _> = owners
        .map(|(by, count)| (by.as_str().to_owned(), (*count).into()))
        .collect();
    let left = report.left.iter().map(|left| {
        json!({
            "thread_id": left.thread, "what": left.what.as_str(), "count": left.count, "why": left.why,
        })
    });
    json!({
        "threads": report.conversations, "checkpoints": report.checkpoints, "messages": report.messages,
        "users_named_by": owners, "left_out": left.collect::<Vec<_>>(),
    })
}

/// The same for people.
pub(super) fn lines(report: &Translated) -> String {
    let mut text = format!(
        "The LangGraph database holds threads: {}, with {} messages and {} checkpoints.\n",
        report.conversations, report.messages, report.checkpoints
    );
    for (by, count) in &report.owners {
        text += &format!("Users named by {}: {count} threads.\n", by.as_str());
    }
    if report.left.is_empty() {
        return text;
    }
    text += "Not as it was:\n";
    for left in report.left.iter().take(LINES) {
        text += &line(left);
    }
    if let Some(more @ 1..) = report.left.len().checked_sub(LINES) {
        text += &format!("  and {more} more, which --json tells\n");
    }
    text
}

fn line(left: &LeftOut) -> String {
    let of = match &left.thread {
        Some(thread) => format!("thread {}: ", printable(thread)),
        None => String::new(),
    };
    let what = match (left.what, left.count) {
        (Left::Conversation, _) => "left out".to_owned(),
        (what, count) => format!("{} ({count})", what.as_str()),
    };
    format!("  {of}{what}: {}\n", printable(&left.why))
}
