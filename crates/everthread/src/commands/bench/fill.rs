//! A store of many conversations, made quickly: one of each user is held, the others are copies of it.

use std::sync::Arc;

use everthread_graph::contract::{ThreadId, ThreadKey, UserId};
use everthread_model::ChatModel;
use everthread_store::Store;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::notebook;
use crate::failure::Failure;
use crate::settings::{thread_id, user_id};
use crate::terminal::progress;

/// Messages of each conversation.
pub(super) const MESSAGES: usize = 20;
/// Conversations of each user.
const OF_USER: usize = 100;
/// Conversations that are made at once.
const AT_ONCE: usize = 64;

/// A user of the filled store.
pub(super) fn user(n: usize) -> Result<UserId, Failure> {
    user_id(&format!("old{n}"))
}

/// How many users there are for so many conversations.
pub(super) fn users(threads: usize) -> usize {
    threads.div_ceil(OF_USER).max(1)
}

fn thread(n: usize) -> Result<ThreadId, Failure> {
    thread_id(&format!("t{n}"))
}

/// Makes so many conversations, the search index with them.
pub(super) async fn fill(
    store: &Arc<dyn Store>,
    model: &Arc<dyn ChatModel>,
    threads: usize,
) -> Result<(), Failure> {
    let graph = notebook::graph(model, Some(store.clone()), false)?;
    let bar = progress::of_steps("Preparing", threads as u64);
    let (graph, bar) = (&graph, &bar);
    let of_user = move |n: usize| async move {
        let first = graph.thread(thread(0)?.as_str()).user(user(n)?.as_str());
        for i in 0..MESSAGES / 2 {
            first.invoke(notebook::turn(n * MESSAGES + i)).await?;
        }
        bar.inc(1);
        let from = ThreadKey {
            user: user(n)?,
            thread: thread(0)?,
        };
        for copy in 1..OF_USER.min(threads - n * OF_USER) {
            let to = ThreadKey {
                thread: thread(copy)?,
                ..from.clone()
            };
            store.copy_thread(&from, &to).await?;
            bar.inc(1);
        }
        Ok::<(), Failure>(())
    };
    stream::iter((0..users(threads)).map(of_user))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    bar.finish_and_clear();
    Ok(store.settle().await?)
}
