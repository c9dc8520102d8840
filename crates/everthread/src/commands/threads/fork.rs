//! `threads fork`

use everthread_graph::contract::CheckpointId;
use serde_json::json;

use super::Scope;
use crate::failure::{Exit, Failure};
use crate::output::count;
use crate::wiring;

pub(super) async fn run(scope: &Scope<'_>, thread: &str, at: Option<&str>) -> Result<(), Failure> {
    let (key, _) = scope.known(thread).await?;
    let bot = wiring::reading_chatbot(scope.settings, &scope.store)?;
    let at: CheckpointId = match at {
        Some(text) => text.parse()?,
        None => bot.before_turns(&key, 1).await?.ok_or_else(|| {
            Failure::new(
                Exit::NotFound,
                format!("thread {thread:?} has no earlier turn to go back to"),
            )
        })?,
    };
    let head = bot.graph().thread(key.clone()).fork(at).await?;
    let now = scope.store.thread(&key).await?;
    let messages = now.map_or(0, |thread| thread.messages);
    let document = json!({ "thread": thread, "forked_at": at.to_string(), "head": head.to_string(), "messages": messages });
    scope.output.print(document, || {
        let messages = count(messages, "message");
        format!("{thread} goes on from {at}, with {messages}. The other line is kept: see `everthread threads history {thread}`.")
    })
}
