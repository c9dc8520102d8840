//! `everthread threads`: list, read, search and change conversations.

mod change;
mod fork;
mod history;
mod list;
mod search;
mod show;

use std::sync::Arc;

use everthread_graph::contract::{ThreadKey, UserId};
use everthread_store::{Store, ThreadPatch};

use crate::cli::{Threads, ThreadsCommand as Command};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::settings::{Settings, thread_id};
use crate::wiring;

/// What each of the commands works with.
struct Scope<'a> {
    settings: &'a Settings,
    output: Output,
    store: Arc<dyn Store>,
    user: UserId,
}

impl Scope<'_> {
    fn key(&self, thread: &str) -> Result<ThreadKey, Failure> {
        Ok(ThreadKey {
            user: self.user.clone(),
            thread: thread_id(thread)?,
        })
    }

    /// The conversation of this name, which must be there.
    async fn known(&self, thread: &str) -> Result<(ThreadKey, everthread_store::Thread), Failure> {
        let key = self.key(thread)?;
        match self.store.thread(&key).await? {
            Some(found) => Ok((key, found)),
            None => Err(Failure::new(
                Exit::NotFound,
                format!(
                    "user {} has no thread {thread:?}; `everthread threads list` shows what is there",
                    self.user
                ),
            )),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    output: Output,
    args: &Threads,
) -> Result<(), Failure> {
    let store = match &args.command {
        Command::List { .. }
        | Command::Show { .. }
        | Command::History { .. }
        | Command::Search { .. } => wiring::open_to_read(settings).await?,
        _ => wiring::open_existing_store(settings).await?,
    };
    let scope = Scope {
        settings,
        output,
        store,
        user: settings.user(args.who.user.as_deref())?,
    };
    let done = dispatch(&scope, &args.command).await;
    let closed = scope.store.close().await;
    done?;
    Ok(closed?)
}

async fn dispatch(scope: &Scope<'_>, command: &Command) -> Result<(), Failure> {
    let flag = |pinned, archived| ThreadPatch {
        pinned,
        archived,
        ..ThreadPatch::default()
    };
    match command {
        Command::List {
            archived,
            limit,
            offset,
        } => list::run(scope, *archived, *limit, *offset).await,
        Command::Show {
            thread,
            context,
            at,
        } => show::run(scope, thread, *context, at.as_deref()).await,
        Command::History { thread, limit } => history::run(scope, thread, *limit).await,
        Command::Search {
            words,
            thread,
            limit,
        } => search::run(scope, words, thread.as_deref(), *limit).await,
        Command::Rename { thread, title } => change::rename(scope, thread, title).await,
        Command::Pin { thread } => change::patch(scope, thread, flag(Some(true), None)).await,
        Command::Unpin { thread } => change::patch(scope, thread, flag(Some(false), None)).await,
        Command::Archive { thread } => change::patch(scope, thread, flag(None, Some(true))).await,
        Command::Unarchive { thread } => {
            change::patch(scope, thread, flag(None, Some(false))).await
        }
        Command::Fork { thread, at } => fork::run(scope, thread, at.as_deref()).await,
        Command::Delete { thread, yes } => change::delete(scope, thread, *yes).await,
    }
}
