//! `users set|hold|unhold`

use everthread_graph::contract::Json;
use everthread_store::UserPatch;
use everthread_store::retention::{Policies, Policy};
use serde_json::{Map, Value, json};

use super::{Scope, user_json};
use crate::failure::{Exit, Failure};
use crate::output::printable;
use crate::settings::user_id;

/// What is to be changed.
pub(super) struct Given<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) preferences: Option<&'a str>,
    pub(super) retention: Option<&'a str>,
}

/// Creates or changes a profile, and how long the user's conversations are kept.
pub(super) async fn run(scope: &Scope, user: &str, given: &Given<'_>) -> Result<(), Failure> {
    let name = given.name.map(str::trim);
    if name.is_some_and(str::is_empty) {
        return Err(Failure::new(Exit::Invalid, "a name must not be empty"));
    }
    let patch = UserPatch {
        name: name.map(str::to_owned),
        preferences: given.preferences.map(object).transpose()?,
        ..UserPatch::default()
    };
    if let Some(limits) = given.retention {
        let policy = policy(limits)?;
        Policies::set(&*scope.store, &user_id(user)?, policy).await?;
    }
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

/// A policy as the command line has it; `None` for the settings'.
fn policy(limits: &str) -> Result<Option<Policy>, Failure> {
    let mut policy = Policy::default();
    match limits.trim() {
        "default" => return Ok(None),
        "forever" => return Ok(Some(policy)),
        _ => {}
    }
    for limit in limits.split(',') {
        let wrong = || {
            let what = format!(
                "{limit:?} is no limit: write idle_days=30, max_age_days=365, keep_checkpoints=10, forever or default"
            );
            Failure::new(Exit::Invalid, what)
        };
        let (name, value) = limit.split_once('=').ok_or_else(wrong)?;
        let value = Some(value.trim().parse().map_err(|_| wrong())?);
        match name.trim() {
            "idle_days" => policy.idle_days = value,
            "max_age_days" => policy.max_age_days = value,
            "keep_checkpoints" => policy.keep_checkpoints = value,
            _ => return Err(wrong()),
        }
    }
    Ok(Some(policy))
}

fn object(text: &str) -> Result<Json, Failure> {
    let invalid = |error: serde_json::Error| {
        let what = "preferences must be a JSON object, such as '{\"tone\": \"formal\"}'";
        Failure::new(Exit::Invalid, what).because(error)
    };
    let fields: Map<String, Value> = serde_json::from_str(text).map_err(invalid)?;
    Json::of(&fields).map_err(invalid)
}
