//! `everthread keys`: who may call the server.

use everthread_server::identity::{Key, KeyId, Keys, NewKey, Role};
use serde_json::{Value, json};

use crate::cli::{KeyRole, KeysCommand as Command};
use crate::failure::Failure;
use crate::output::{Output, local_time, printable, rfc3339, table};
use crate::settings::{Settings, user_id};
use crate::wiring;

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    output: Output,
    command: &Command,
) -> Result<(), Failure> {
    let store = match command {
        Command::List => wiring::open_to_read(settings).await?,
        // The first key of a new deployment is made before anybody has said anything.
        _ => wiring::open_store(settings).await?,
    };
    let keys = Keys::new(store.clone());
    let done = match command {
        Command::Create {
            name,
            role,
            user,
            requests_per_minute,
        } => {
            let new = NewKey {
                name: name.clone().unwrap_or_default(),
                role: role_of(*role),
                user: user.as_deref().map(user_id).transpose()?,
                requests_per_minute: *requests_per_minute,
            };
            create(&keys, output, new).await
        }
        Command::List => list(&keys, output).await,
        Command::Revoke { key } => revoke(&keys, output, key).await,
    };
    let closed = store.close().await;
    done?;
    Ok(closed?)
}

fn role_of(role: KeyRole) -> Role {
    match role {
        KeyRole::User => Role::User,
        KeyRole::Service => Role::Service,
        KeyRole::Admin => Role::Admin,
    }
}

async fn create(keys: &Keys, output: Output, new: NewKey) -> Result<(), Failure> {
    let (text, key) = keys.create(new).await?;
    let mut document = key_json(&key);
    document["key"] = json!(text.reveal());
    output.print(document, || {
        format!(
            "{}\n\nThis is {}, with the role {}. It is shown this once and kept nowhere: copy it now.\n",
            text.reveal(),
            key.id,
            key.role
        )
    })
}

async fn list(keys: &Keys, output: Output) -> Result<(), Failure> {
    let keys = keys.list().await?;
    let document: Vec<Value> = keys.iter().map(key_json).collect();
    output.print(json!({ "keys": document }), || {
        if keys.is_empty() {
            return "No keys. Make one with `everthread keys create --role admin`.".into();
        }
        let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
        let heading = ["key", "name", "role", "user", "created", "used", ""];
        table(&heading, &rows)
    })
}

fn row(key: &Key) -> Vec<String> {
    let time = |at: Option<i64>| at.map_or_else(|| "never".to_owned(), local_time);
    let user = key.user.as_ref().map(ToString::to_string);
    vec![
        key.id.to_string(),
        printable(&key.name),
        key.role.to_string(),
        user.unwrap_or_default(),
        local_time(key.created_ms),
        time(key.used_ms),
        key.revoked_ms.map_or("", |_| "revoked").to_owned(),
    ]
}

async fn revoke(keys: &Keys, output: Output, id: &str) -> Result<(), Failure> {
    let id: KeyId = id.parse().unwrap_or_else(|never| match never {});
    let key = keys.revoke(&id).await?;
    output.print(key_json(&key), || {
        format!("Revoked {}. Running servers know within a second.", key.id)
    })
}

fn key_json(key: &Key) -> Value {
    json!({
        "key_id": key.id.as_str(),
        "name": key.name,
        "role": key.role.to_string(),
        "user": key.user.as_ref().map(everthread_graph::contract::UserId::as_str),
        "requests_per_minute": key.requests_per_minute,
        "created_at": rfc3339(key.created_ms),
        "used_at": key.used_ms.map(rfc3339),
        "revoked_at": key.revoked_ms.map(rfc3339),
    })
}
