//! `users erase`

use std::io::{self, Write};

use everthread_server::erase_user;
use everthread_server::identity::Keys;
use everthread_store::StoreErrorKind;
use serde_json::json;

use super::{Scope, unknown};
use crate::failure::{Exit, Failure};
use crate::output::{bytes, count, is_interactive};
use crate::settings::user_id;

pub(super) async fn run(scope: &Scope, name: &str, yes: bool) -> Result<(), Failure> {
    let id = user_id(name)?;
    if !yes {
        let user = scope.store.user(&id).await?;
        let (threads, messages) = user.map_or((0, 0), |user| (user.threads, user.messages));
        confirm(name, threads, messages)?;
    }
    let keys = Keys::new(scope.store.clone());
    let erased = match erase_user(&*scope.store, &keys, &id).await {
        Err(error) if error.kind() == StoreErrorKind::NotFound => return Err(unknown(&id)),
        erased => erased?,
    };
    let gone = erased.data;
    let document = json!({ "erased": {
        "user_id": id.as_str(), "threads": gone.threads, "messages": gone.messages,
        "checkpoints": gone.checkpoints, "runs": gone.runs, "items": gone.items,
        "sessions": gone.sessions, "keys": erased.keys, "bytes": gone.bytes,
    }});
    scope.output.print(document, || {
        let removed = [
            count(gone.threads, "thread"),
            count(gone.messages, "message"),
            count(gone.checkpoints, "checkpoint"),
            count(gone.runs, "run"),
            count(gone.items, "item"),
            count(gone.sessions, "session"),
        ];
        let mut text = format!(
            "Erased {id}: {}; {} less in use.\n",
            removed.join(", "),
            bytes(gone.bytes)
        );
        if erased.keys > 0 {
            text += &format!(
                "Revoked {} of theirs; what is left of a key tells no more whose it was.\n",
                count(erased.keys, "key")
            );
        }
        text
    })
}

fn confirm(user: &str, threads: u64, messages: u64) -> Result<(), Failure> {
    if !is_interactive() {
        let what = format!("erasing {user} needs --yes where nobody can be asked");
        return Err(Failure::new(Exit::Usage, what));
    }
    let (threads, messages) = (count(threads, "thread"), count(messages, "message"));
    eprint!("Erase {user} with {threads} and {messages} for ever? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "nothing was erased"))
}
