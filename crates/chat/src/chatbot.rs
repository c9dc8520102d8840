//! A chatbot over a store and a model, and one conversation with it.

use std::sync::Arc;

use everthread_graph::CompiledGraph;
use everthread_graph::contract::{At, CheckpointId, ThreadKey};
use everthread_model::{ChatModel, Message};
use everthread_store::{Store, Thread, ThreadPatch};

use crate::graph::{self, Mind};
use crate::lines;
use crate::turn::{Said, Tail, Turn};
use crate::{ChatError, ChatState, Context, ContextPolicy, title_of};

/// The product's chat graph over a store and a model.
#[derive(Debug, Clone)]
pub struct Chatbot {
    graph: CompiledGraph<ChatState>,
    mind: Arc<Mind>,
}

/// One conversation. While the summary of the last turn is being written the next turn can begin: it stops
/// the summary, which a later turn takes up again.
#[derive(Debug)]
pub struct Conversation {
    bot: Chatbot,
    key: ThreadKey,
    tail: Option<Tail>,
}

/// Where a conversation stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The thread; `None` when nothing was said yet.
    pub thread: Option<Thread>,
    /// The summary that stands for older messages.
    pub summary: Option<String>,
    /// The last messages, oldest first.
    pub last: Vec<Arc<Message>>,
    /// Whether the last message waits for a reply, because a turn was broken off.
    pub unanswered: bool,
}

impl Chatbot {
    /// Builds the graph.
    ///
    /// # Errors
    /// Never with the graph as it is; the builder's errors are passed on.
    pub fn new(
        store: Arc<dyn Store>,
        model: Arc<dyn ChatModel>,
        policy: ContextPolicy,
    ) -> Result<Self, ChatError> {
        let mind = Arc::new(Mind {
            store,
            model,
            policy,
        });
        let graph = graph::build(&mind)?;
        Ok(Self { graph, mind })
    }

    /// The graph, to draw it or to read states and history.
    #[must_use]
    pub fn graph(&self) -> &CompiledGraph<ChatState> {
        &self.graph
    }

    /// A conversation of a user; it begins with its first message.
    #[must_use]
    pub fn conversation(&self, key: ThreadKey) -> Conversation {
        Conversation {
            bot: self.clone(),
            key,
            tail: None,
        }
    }

    /// What the model was shown for the last turn that it replied to, or would be shown now when a message
    /// waits for its reply: rebuilt from the checkpoint at which that turn began, with the profile and the
    /// limits of today. `None` when nothing was said.
    ///
    /// # Errors
    /// When the state cannot be read, or can no longer be made to fit the model's window.
    pub async fn context(&self, key: &ThreadKey) -> Result<Option<Context>, ChatError> {
        let inputs = lines::newest_inputs(&*self.mind.store, key, 1).await?;
        let Some(input) = inputs.first() else {
            return Ok(None);
        };
        let Some(state) = self.state(key, At::Id(input.id)).await? else {
            return Ok(None);
        };
        let profile = self.mind.profile(Some(&key.user)).await?;
        Ok(Some(self.mind.context(&state, &profile)?))
    }

    /// The state of a conversation; `None` when there is nothing at this point.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn state(&self, key: &ThreadKey, at: At) -> Result<Option<ChatState>, ChatError> {
        Ok(lines::state(&*self.mind.store, key, at).await?)
    }

    /// The checkpoint to go back to in order to undo the last `turns` turns; `None` when there are not so many
    /// before which something was said.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn before_turns(
        &self,
        key: &ThreadKey,
        turns: usize,
    ) -> Result<Option<CheckpointId>, ChatError> {
        let input = lines::newest_inputs(&*self.mind.store, key, turns).await?;
        Ok(input
            .get(turns.saturating_sub(1))
            .and_then(|input| input.parent))
    }
}

impl Conversation {
    /// Which conversation.
    #[must_use]
    pub fn key(&self) -> &ThreadKey {
        &self.key
    }

    /// Where it stands; `last` messages are given at most.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn standing(&self, last: usize) -> Result<Standing, ChatError> {
        let thread = self.bot.mind.store.thread(&self.key).await?;
        let Some(state) = self.bot.state(&self.key, At::Head).await? else {
            return Ok(Standing {
                thread,
                summary: None,
                last: Vec::new(),
                unanswered: false,
            });
        };
        let from = state.messages.len().saturating_sub(last);
        Ok(Standing {
            thread,
            last: state.messages.iter().skip(from).cloned().collect(),
            unanswered: state.awaits_reply(),
            summary: state.summary,
        })
    }

    /// Says something and hears the reply piece by piece. Returns when the reply is complete and durable; a
    /// summary may still be written behind (see [`Conversation::rest`]). Dropping the future stops the model;
    /// what was said stays.
    ///
    /// # Errors
    /// When the model fails (what was said is kept, and [`Conversation::go_on`] asks again) or the store does.
    pub async fn say(
        &mut self,
        message: Message,
        hear: &mut (dyn FnMut(Said<'_>) + Send),
    ) -> Result<Arc<Message>, ChatError> {
        let title = title_of(&message.text());
        self.stop_summary().await;
        let update = ChatState::update().messages(message);
        let reply = self
            .turn(Turn::begin(&self.bot.graph, &self.key, update), hear)
            .await?;
        self.entitle(title).await?;
        Ok(reply)
    }

    /// Asks for the reply that the last message still waits for.
    ///
    /// # Errors
    /// As [`Conversation::say`].
    pub async fn go_on(
        &mut self,
        hear: &mut (dyn FnMut(Said<'_>) + Send),
    ) -> Result<Arc<Message>, ChatError> {
        self.stop_summary().await;
        self.turn(Turn::go_on(&self.bot.graph, &self.key), hear)
            .await
    }

    /// Takes over what processes that are gone have left in this conversation: messages that waited for their
    /// turn are said now, in their order. Gives how many there were.
    ///
    /// # Errors
    /// As [`Conversation::say`].
    pub async fn take_over(
        &mut self,
        hear: &mut (dyn FnMut(Said<'_>) + Send),
    ) -> Result<usize, ChatError> {
        let waiting = self.bot.mind.store.claim(&self.key).await?;
        for run in &waiting {
            let Some(input) = &run.input else { continue };
            let update = graph::input_from_json(input)?;
            let turn = Turn::resume_queued(&self.bot.graph, &self.key, update, run.id);
            self.turn(turn, hear).await?;
        }
        Ok(waiting.len())
    }

    /// Waits until the summary that is being written, if any, is done.
    ///
    /// # Errors
    /// When it cannot be stored; a model that fails is no error here.
    pub async fn rest(&mut self) -> Result<(), ChatError> {
        match self.tail.take() {
            Some(tail) => tail.finish().await,
            None => Ok(()),
        }
    }

    async fn turn(
        &mut self,
        turn: Turn,
        hear: &mut (dyn FnMut(Said<'_>) + Send),
    ) -> Result<Arc<Message>, ChatError> {
        let (reply, tail) = turn.reply(hear).await?;
        self.tail = tail;
        Ok(reply)
    }

    async fn stop_summary(&mut self) {
        if let Some(tail) = self.tail.take() {
            tail.stop().await;
        }
    }

    async fn entitle(&self, title: Option<String>) -> Result<(), ChatError> {
        let store = &self.bot.mind.store;
        let untitled = match store.thread(&self.key).await? {
            Some(thread) => thread.title.is_none() && thread.messages <= 2,
            None => false,
        };
        if untitled && title.is_some() {
            let patch = ThreadPatch {
                title,
                ..ThreadPatch::default()
            };
            store.update_thread(&self.key, patch).await?;
        }
        Ok(())
    }
}
