//! `users list`

use everthread_store::{ListUsers, User};
use serde_json::{Value, json};

use super::{Scope, user_json};
use crate::failure::Failure;
use crate::output::{local_time, printable, table};

pub(super) async fn run(scope: &Scope, limit: usize, offset: usize) -> Result<(), Failure> {
    let users = scope.store.users(ListUsers { offset, limit }).await?;
    let document: Vec<Value> = users.iter().map(user_json).collect();
    scope.output.print(json!({ "users": document }), || {
        if users.is_empty() {
            return "Nobody has said anything yet.".into();
        }
        let rows: Vec<Vec<String>> = users.iter().map(row).collect();
        table(
            &["user", "name", "threads", "messages", "active", ""],
            &rows,
        )
    })
}

fn row(user: &User) -> Vec<String> {
    vec![
        user.id.to_string(),
        printable(user.name.as_deref().unwrap_or("")),
        user.threads.to_string(),
        user.messages.to_string(),
        local_time(user.active_ms),
        if user.held { "held" } else { "" }.to_owned(),
    ]
}
