//! `users show`

use everthread_store::retention::{Policies, Policy};
use everthread_store::{Session, User};
use serde_json::{Value, json};

use super::{Scope, user_json};
use crate::failure::Failure;
use crate::output::{local_time, printable, rfc3339, table};

/// Sessions that are shown.
const SESSIONS: usize = 20;

pub(super) async fn run(scope: &Scope, name: &str) -> Result<(), Failure> {
    let (id, user) = scope.known(name).await?;
    let sessions = scope.store.sessions(&id, SESSIONS).await?;
    let told: Vec<Value> = sessions.iter().map(session_json).collect();
    let policy = Policies::own(&*scope.store, &id).await?;
    let retention = policy.map(|policy| {
        json!({ "idle_days": policy.idle_days, "max_age_days": policy.max_age_days,
                "keep_checkpoints": policy.keep_checkpoints })
    });
    let document = json!({ "user": user_json(&user), "retention": retention, "sessions": told });
    scope
        .output
        .print(document, || lines(&user, policy, &sessions))
}

fn session_json(session: &Session) -> Value {
    json!({
        "session_id": session.id,
        "client": session.client,
        "thread_id": session.thread.as_ref().map(everthread_graph::contract::ThreadId::as_str),
        "started_at": rfc3339(session.started_ms),
        "last_at": rfc3339(session.last_ms),
        "turns": session.turns,
    })
}

/// A user's own limits, as `users set --retention` takes them.
fn limits(policy: Option<Policy>) -> String {
    let Some(policy) = policy else {
        return "by the settings".to_owned();
    };
    let limits: Vec<String> = [
        ("idle_days", policy.idle_days),
        ("max_age_days", policy.max_age_days),
        ("keep_checkpoints", policy.keep_checkpoints),
    ]
    .into_iter()
    .filter_map(|(name, limit)| Some(format!("{name}={}", limit?)))
    .collect();
    if limits.is_empty() {
        return "forever".to_owned();
    }
    limits.join(",")
}

fn lines(user: &User, policy: Option<Policy>, sessions: &[Session]) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let preferences = user.preferences.as_ref();
    let rows = vec![
        row("user", user.id.to_string()),
        row("name", printable(user.name.as_deref().unwrap_or("none"))),
        row(
            "preferences",
            preferences.map_or("none".to_owned(), |said| printable(said.as_str())),
        ),
        row("held", if user.held { "yes" } else { "no" }.to_owned()),
        row("retention", limits(policy)),
        row("created", local_time(user.created_ms)),
        row("active", local_time(user.active_ms)),
        row("threads", user.threads.to_string()),
        row("messages", user.messages.to_string()),
    ];
    let mut text = table(&["", ""], &rows).trim_start().to_owned();
    if !sessions.is_empty() {
        let rows: Vec<Vec<String>> = sessions.iter().map(session_row).collect();
        text += "\n";
        text += &table(&["session", "thread", "turns", "began", "last"], &rows);
    }
    text
}

fn session_row(session: &Session) -> Vec<String> {
    let thread = session.thread.as_ref().map(ToString::to_string);
    vec![
        printable(&session.client),
        thread.unwrap_or_default(),
        session.turns.to_string(),
        local_time(session.started_ms),
        local_time(session.last_ms),
    ]
}
