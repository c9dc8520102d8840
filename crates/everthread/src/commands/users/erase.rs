//! `users erase`

use std::io::{self, Write};

use serde_json::json;

use super::Scope;
use crate::failure::{Exit, Failure};
use crate::output::{bytes, is_interactive};

pub(super) async fn run(scope: &Scope, name: &str, yes: bool) -> Result<(), Failure> {
    let (id, user) = scope.known(name).await?;
    if !yes {
        confirm(name, user.threads, user.messages)?;
    }
    let gone = scope.store.erase_user(&id).await?;
    let document = json!({ "erased": {
        "user_id": id.as_str(), "threads": gone.threads, "messages": gone.messages,
        "checkpoints": gone.checkpoints, "runs": gone.runs, "items": gone.items,
        "sessions": gone.sessions, "bytes": gone.bytes,
    }});
    scope.output.print(document, || {
        format!(
            "Erased {id}: {} threads, {} messages, {} checkpoints, {} runs, {} items, {} sessions; {} less in use.",
            gone.threads,
            gone.messages,
            gone.checkpoints,
            gone.runs,
            gone.items,
            gone.sessions,
            bytes(gone.bytes)
        )
    })
}

fn confirm(user: &str, threads: u64, messages: u64) -> Result<(), Failure> {
    if !is_interactive() {
        let what = format!("erasing {user} needs --yes where nobody can be asked");
        return Err(Failure::new(Exit::Usage, what));
    }
    eprint!("Erase {user} with {threads} threads and {messages} messages for ever? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "nothing was erased"))
}
