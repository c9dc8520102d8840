//! One turn of a conversation: the reply as it comes, then the summary behind it.

use std::sync::Arc;

use everthread_graph::contract::{RunId, ThreadKey};
use everthread_graph::{
    CancellationToken, CompiledGraph, EventData, Input, RunOptions, RunStream, StreamModes,
};
use everthread_model::Message;
use tokio::task::JoinHandle;

use crate::state::ChatStateUpdate;
use crate::{CHAT, ChatError, ChatState};

/// What is heard of a turn while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// A piece of the reply.
    Text(&'a str),
    /// The reply starts anew, with another model: what was heard of it does not count.
    Restart,
}

/// A turn that has begun.
pub(crate) struct Turn {
    stream: RunStream<ChatState>,
    cancel: CancellationToken,
}

/// The part of a run after its reply.
#[derive(Debug)]
pub(crate) struct Tail {
    cancel: CancellationToken,
    task: JoinHandle<Result<(), ChatError>>,
}

impl Turn {
    /// Says something.
    pub(crate) fn begin(
        graph: &CompiledGraph<ChatState>,
        key: &ThreadKey,
        update: ChatStateUpdate,
    ) -> Self {
        Self::new(graph, key, Input::Update(update), RunOptions::new())
    }

    /// Goes on where a run was broken off.
    pub(crate) fn go_on(graph: &CompiledGraph<ChatState>, key: &ThreadKey) -> Self {
        Self::new(graph, key, Input::Resume, RunOptions::new())
    }

    /// Says what waited in the queue as this run.
    pub(crate) fn resume_queued(
        graph: &CompiledGraph<ChatState>,
        key: &ThreadKey,
        input: Input<ChatState>,
        run: RunId,
    ) -> Self {
        Self::new(graph, key, input, RunOptions::new().run_id(run))
    }

    fn new(
        graph: &CompiledGraph<ChatState>,
        key: &ThreadKey,
        input: Input<ChatState>,
        options: RunOptions,
    ) -> Self {
        let cancel = CancellationToken::new();
        let modes = StreamModes::MESSAGES | StreamModes::UPDATES | StreamModes::CUSTOM;
        let thread = graph
            .thread(key.clone())
            .with(options.cancel(cancel.clone()));
        Self {
            stream: thread.stream(input, modes),
            cancel,
        }
    }

    /// Hears the reply out. The rest of the run, if there is any, goes on by itself.
    pub(crate) async fn reply(
        mut self,
        hear: &mut (dyn FnMut(Said<'_>) + Send),
    ) -> Result<(Arc<Message>, Option<Tail>), ChatError> {
        while let Some(event) = self.stream.next().await {
            match event?.data {
                EventData::Message { chunk, .. } => {
                    let chunk: serde_json::Value = chunk.read()?;
                    hear(Said::Text(chunk["content"].as_str().unwrap_or_default()));
                }
                EventData::Custom { value, .. } if value.as_str().starts_with("{\"restart\"") => {
                    hear(Said::Restart);
                }
                EventData::Update { node, update, .. } if &*node == CHAT => {
                    let said: Written = update.read()?;
                    let reply = said.messages.into_iter().next_back();
                    let reply = reply.ok_or(ChatError::NoReply)?;
                    return Ok((Arc::new(reply), Some(self.leave_rest())));
                }
                _ => {}
            }
        }
        Err(ChatError::NoReply)
    }

    fn leave_rest(mut self) -> Tail {
        let cancel = self.cancel.clone();
        let task = tokio::spawn(async move {
            while let Some(event) = self.stream.next().await {
                event?;
            }
            Ok(())
        });
        Tail { cancel, task }
    }
}

/// The update of the chat node, as far as it is read here.
#[derive(serde::Deserialize)]
struct Written {
    messages: Vec<Message>,
}

impl Tail {
    /// Waits for the end of the run.
    pub(crate) async fn finish(self) -> Result<(), ChatError> {
        self.task.await.unwrap_or(Err(ChatError::NoReply))
    }

    /// Ends the run where it is.
    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        // Its end is recorded; that it was stopped is what we wanted.
        let _ = self.task.await;
    }
}
