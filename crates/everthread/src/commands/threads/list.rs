//! `threads list`

use everthread_store::{ListThreads, Thread};
use serde_json::{Value, json};

use super::Scope;
use crate::failure::Failure;
use crate::output::{first_line, local_time, rfc3339, table};

pub(super) async fn run(
    scope: &Scope<'_>,
    archived: bool,
    limit: usize,
    offset: usize,
) -> Result<(), Failure> {
    let query = ListThreads {
        archived,
        offset,
        limit,
    };
    let threads = scope.store.threads(&scope.user, query).await?;
    let document: Vec<Value> = threads.iter().map(thread_json).collect();
    scope.output.print(json!({ "threads": document }), || {
        if threads.is_empty() && (limit == 0 || offset > 0) {
            return "No conversations here; the list begins at --offset 0.".into();
        }
        if threads.is_empty() {
            return "No conversations yet. Begin one with `everthread chat`.".into();
        }
        let rows: Vec<Vec<String>> = threads.iter().map(row).collect();
        table(&["thread", "title", "messages", "changed", ""], &rows)
    })
}

fn row(thread: &Thread) -> Vec<String> {
    let flags = [(thread.pinned, "pinned"), (thread.archived, "archived")];
    let flags: Vec<&str> = flags
        .iter()
        .filter(|flag| flag.0)
        .map(|flag| flag.1)
        .collect();
    vec![
        thread.id.to_string(),
        first_line(thread.title.as_deref().unwrap_or(""), 60),
        thread.messages.to_string(),
        local_time(thread.updated_ms),
        flags.join(", "),
    ]
}

/// A thread as JSON output has it.
pub(super) fn thread_json(thread: &Thread) -> Value {
    let metadata: Option<Value> = thread.metadata.as_ref().and_then(|json| json.read().ok());
    json!({
        "id": thread.id.as_str(),
        "title": thread.title,
        "pinned": thread.pinned,
        "archived": thread.archived,
        "metadata": metadata,
        "created_at": rfc3339(thread.created_ms),
        "updated_at": rfc3339(thread.updated_ms),
        "messages": thread.messages,
        "turns": thread.turns,
        "branches": thread.branches,
        "head": thread.head.map(|id| id.to_string()),
    })
}
