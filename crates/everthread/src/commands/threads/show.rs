//! `threads show`

use everthread_chat::Sent;
use everthread_graph::contract::{At, CheckpointId};
use everthread_model::{Message, Role};
use everthread_store::{ReadMessages, StoredMessage};
use serde_json::{Value, json};

use super::Scope;
use super::list::thread_json;
use crate::failure::{Exit, Failure};
use crate::output::{count, local_time, printable, rfc3339};
use crate::terminal::style;
use crate::wiring;

pub(super) async fn run(
    scope: &Scope<'_>,
    thread: &str,
    with_context: bool,
    at: Option<&str>,
) -> Result<(), Failure> {
    let (key, found) = scope.known(thread).await?;
    let at: Option<CheckpointId> = at.map(str::parse).transpose()?;
    let query = ReadMessages {
        at,
        ..ReadMessages::default()
    };
    let messages = scope.store.messages(&key, query).await?;
    let bot = wiring::reading_chatbot(scope.settings, &scope.store)?;
    let state = bot.state(&key, at.map_or(At::Head, At::Id)).await?;
    let summary = state.and_then(|state| state.summary);
    let sent = match with_context {
        true => bot.sent(&key, at.map_or(At::Head, At::Id)).await?,
        false => None,
    };
    let mut document = json!({
        "thread": thread_json(&found),
        "messages": messages.iter().map(message_json).collect::<Result<Vec<_>, _>>()?,
        "summary": summary,
    });
    if let Some(sent) = &sent {
        document["context"] = serde_json::to_value(&sent.context.messages)?;
        document["context_is_exact"] = sent.is_exact.into();
    }
    scope.output.print(document, || {
        let mut text = heading(&found);
        for message in &messages {
            text += &message_lines(message);
        }
        if let Some(summary) = &summary {
            text += &section("Summary", summary);
        }
        text + &sent.as_ref().map_or_else(String::new, sent_lines)
    })
}

fn sent_lines(sent: &Sent) -> String {
    let mut text = format!("{}\n", style::strong("Sent to the model"));
    if !sent.is_exact {
        text +=
            "(the settings or the profile have changed since: this is what would be sent now)\n";
    }
    for message in &sent.context.messages {
        text += &format!("[{}]\n{}\n\n", message.role(), printable(&message.text()));
    }
    text
}

fn heading(thread: &everthread_store::Thread) -> String {
    let title = thread.title.as_deref().unwrap_or("no title");
    let facts = format!(
        "{} · {} · {} · last {}",
        thread.id,
        count(thread.messages, "message"),
        count(thread.turns, "turn"),
        local_time(thread.updated_ms)
    );
    format!(
        "{}\n{}\n\n",
        style::strong(&printable(title)),
        style::faint(&facts)
    )
}

fn section(title: &str, text: &str) -> String {
    format!("{}\n{}\n\n", style::strong(title), printable(text))
}

fn message_json(stored: &StoredMessage) -> Result<Value, Failure> {
    let mut message: Value = stored.body.read()?;
    let Some(object) = message.as_object_mut() else {
        return Err(Failure::new(
            Exit::Invalid,
            format!(
                "message {} is no JSON object; run `everthread storage check`",
                stored.seq
            ),
        ));
    };
    object.insert("id".into(), json!(stored.id));
    object.insert("seq".into(), json!(stored.seq));
    object.insert("at".into(), json!(rfc3339(stored.at_ms)));
    Ok(message)
}

fn message_lines(stored: &StoredMessage) -> String {
    let Ok(message) = stored.body.read::<Message>() else {
        return format!("#{} {}\n\n", stored.seq, printable(stored.body.as_str()));
    };
    let who = match message.role() {
        Role::Human => style::person("You"),
        Role::Ai => style::machine("Assistant"),
        other => style::faint(&other.to_string()),
    };
    format!("{who}\n{}\n\n", printable(&message.text()))
}
