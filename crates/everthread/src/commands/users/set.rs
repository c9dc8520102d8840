//! `users set|hold|unhold`

use everthread_graph::contract::Json;
use everthread_store::UserPatch;
use serde_json::{Map, Value, json};

use super::{Scope, user_json};
use crate::failure::{Exit, Failure};
use crate::output::printable;
use crate::settings::user_id;

/// Creates or changes a profile.
pub(super) async fn run(
    scope: &Scope,
    user: &str,
    name: Option<&str>,
    preferences: Option<&str>,
) -> Result<(), Failure> {
    let name = name.map(str::trim);
    if name.is_some_and(str::is_empty) {
        return Err(Failure::new(Exit::Invalid, "a name must not be empty"));
    }
    let patch = UserPatch {
        name: name.map(str::to_owned),
        preferences: preferences.map(object).transpose()?,
        ..UserPatch::default()
    };
    put(scope, user, patch).await
}

/// Keeps a user from being erased, or no longer.
pub(super) async fn hold(scope: &Scope, user: &str, held: bool) -> Result<(), Failure> {
    scope.known(user).await?;
    let patch = UserPatch {
        held: Some(held),
        ..UserPatch::default()
    };
    put(scope, user, patch).await
}

async fn put(scope: &Scope, user: &str, patch: UserPatch) -> Result<(), Failure> {
    let changed = scope.store.put_user(&user_id(user)?, patch).await?;
    scope
        .output
        .print(json!({ "user": user_json(&changed) }), || {
            format!(
                "{} · {}{}",
                changed.id,
                printable(changed.name.as_deref().unwrap_or("no name")),
                if changed.held { " · held" } else { "" },
            )
        })
}

fn object(text: &str) -> Result<Json, Failure> {
    let invalid = |error: serde_json::Error| {
        let what = "preferences must be a JSON object, such as '{\"tone\": \"formal\"}'";
        Failure::new(Exit::Invalid, what).because(error)
    };
    let fields: Map<String, Value> = serde_json::from_str(text).map_err(invalid)?;
    Json::of(&fields).map_err(invalid)
}
