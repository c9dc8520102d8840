//! `threads search`

use everthread_store::{Hit, Search};
use serde_json::{Value, json};

use super::Scope;
use crate::failure::Failure;
use crate::output::{local_time, printable, rfc3339};
use crate::terminal::style;

pub(super) async fn run(
    scope: &Scope<'_>,
    words: &[String],
    thread: Option<&str>,
    limit: usize,
) -> Result<(), Failure> {
    let thread = match thread {
        Some(thread) => Some(scope.known(thread).await?.0.thread),
        None => None,
    };
    let query = Search {
        words: words.join(" "),
        thread,
        offset: 0,
        limit,
    };
    let hits = scope.store.search(&scope.user, query).await?;
    let document: Vec<Value> = hits.iter().map(hit_json).collect();
    scope.output.print(json!({ "hits": document }), || {
        if hits.is_empty() {
            return "Nothing found.".into();
        }
        hits.iter().map(hit_lines).collect()
    })
}

fn hit_json(hit: &Hit) -> Value {
    let message: Option<Value> = hit.body.read().ok();
    json!({
        "thread": hit.thread.as_str(),
        "title": hit.title,
        "seq": hit.seq,
        "checkpoint": hit.checkpoint.map(|id| id.to_string()),
        "at": rfc3339(hit.at_ms),
        "snippet": hit.snippet,
        "marks": hit.marks.iter().map(|mark| [mark.start, mark.end]).collect::<Vec<_>>(),
        "message": message,
    })
}

fn hit_lines(hit: &Hit) -> String {
    let mut snippet = String::new();
    let mut from = 0;
    for mark in &hit.marks {
        snippet += &printable(&hit.snippet[from..mark.start]);
        snippet += &style::strong(&printable(&hit.snippet[mark.clone()]));
        from = mark.end;
    }
    snippet += &printable(&hit.snippet[from..]);
    let snippet = snippet.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = hit.title.as_deref().unwrap_or("no title");
    let elsewhere = hit.checkpoint.map_or_else(String::new, |at| {
        format!(
            "    on another branch: everthread threads show {} --at {at}\n",
            hit.thread
        )
    });
    format!(
        "{}\n    {snippet}\n{elsewhere}",
        style::faint(&format!(
            "{} #{} · {} · {}",
            hit.thread,
            hit.seq,
            local_time(hit.at_ms),
            printable(title)
        ))
    )
}
