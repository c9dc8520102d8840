//! `everthread users`: who the deployment knows.

mod erase;
mod export;
mod list;
mod set;
mod show;

use std::sync::Arc;

use everthread_graph::contract::UserId;
use everthread_store::{Store, User};
use serde_json::{Value, json};

use crate::cli::UsersCommand as Command;
use crate::failure::{Exit, Failure};
use crate::output::{Output, rfc3339};
use crate::settings::{Settings, user_id};
use crate::wiring;

/// What each of the commands works with.
struct Scope {
    output: Output,
    store: Arc<dyn Store>,
}

impl Scope {
    /// The user of this name, who must be known.
    async fn known(&self, name: &str) -> Result<(UserId, User), Failure> {
        let id = user_id(name)?;
        match self.store.user(&id).await? {
            Some(user) => Ok((id, user)),
            None => Err(unknown(&id)),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    output: Output,
    command: &Command,
) -> Result<(), Failure> {
    let store = match command {
        // A profile may be set before its user says anything.
        Command::Set { .. } => wiring::open_store(settings).await?,
        Command::List { .. } | Command::Show { .. } | Command::Export { .. } => {
            wiring::open_to_read(settings).await?
        }
        _ => wiring::open_existing_store(settings).await?,
    };
    let scope = Scope { output, store };
    let done = match command {
        Command::List { limit, offset } => list::run(&scope, *limit, *offset).await,
        Command::Show { user } => show::run(&scope, user).await,
        Command::Set {
            user,
            name,
            preferences,
            retention,
        } => {
            let given = set::Given {
                name: name.as_deref(),
                preferences: preferences.as_deref(),
                retention: retention.as_deref(),
            };
            set::run(&scope, user, &given).await
        }
        Command::Export { user, output } => export::run(&scope, user, output.as_deref()).await,
        Command::Erase { user, yes } => erase::run(&scope, user, *yes).await,
        Command::Hold { user } => set::hold(&scope, user, true).await,
        Command::Unhold { user } => set::hold(&scope, user, false).await,
    };
    let closed = scope.store.close().await;
    done?;
    Ok(closed?)
}

fn unknown(user: &UserId) -> Failure {
    let what = format!("there is no user {user}; `everthread users list` shows who is there");
    Failure::new(Exit::NotFound, what)
}

fn user_json(user: &User) -> Value {
    let preferences: Option<Value> = user.preferences.as_ref().and_then(|said| said.read().ok());
    json!({
        "user_id": user.id.as_str(),
        "name": user.name,
        "preferences": preferences,
        "held": user.held,
        "created_at": rfc3339(user.created_ms),
        "active_at": rfc3339(user.active_ms),
        "threads": user.threads,
        "messages": user.messages,
    })
}
