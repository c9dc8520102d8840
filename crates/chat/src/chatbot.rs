//! A chatbot over a store and a model, and one conversation with it.

use std::sync::Arc;

use everthread_graph::contract::{At, CheckpointId, ThreadKey};
use everthread_graph::{AnyGraph, AnyInput, CompiledGraph};
use everthread_model::Message;
use everthread_store::{Run, Store, Thread};

use crate::speaker::Mind;
use crate::turn::{Said, Tail, Turn};
use crate::{ChatError, ChatState, Context, ContextPolicy, Models, graph, lines, review};

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

/// What the model was shown.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The messages.
    pub context: Context,
    /// Whether they are those that were sent: the settings and the profile may have changed since.
    pub is_exact: bool,
}

impl Chatbot {
    /// Builds the graph.
    ///
    /// # Errors
    /// Never with the graph as it is; the builder's errors are passed on.
    pub fn new(
        store: Arc<dyn Store>,
        models: impl Into<Models>,
        policy: ContextPolicy,
    ) -> Result<Self, ChatError> {
        let mind = Arc::new(Mind {
            store,
            models: models.into(),
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

    /// The graphs that are built in, for a server: `chat`, and `review` with the same models and limits.
    ///
    /// # Errors
    /// As [`Chatbot::new`].
    pub fn graphs(&self) -> Result<Vec<Arc<dyn AnyGraph>>, ChatError> {
        let review = review::build(&self.mind)?;
        Ok(vec![Arc::new(self.graph.clone()), Arc::new(review)])
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

    /// What the model was shown for the last turn before a checkpoint (the head, if none is named), or would be
    /// shown now when a message waits for its reply. `None` when nothing was said.
    ///
    /// It is rebuilt from the checkpoint at which the turn began, with the profile and the limits of today, and
    /// held against the fingerprint that the reply carries: [`Sent::is_exact`] tells whether it is what was sent.
    ///
    /// # Errors
    /// When the state cannot be read, or can no longer be made to fit the model's window.
    pub async fn sent(&self, key: &ThreadKey, at: At) -> Result<Option<Sent>, ChatError> {
        let store = &*self.mind.store;
        let Some(input) = lines::newest_inputs(store, key, at, 1).await?.pop() else {
            return Ok(None);
        };
        let (Some(began), Some(ended)) = (
            self.state(key, At::Id(input.id)).await?,
            self.state(key, at).await?,
        ) else {
            return Ok(None);
        };
        let speaker = self.mind.deployed(&key.user).await?;
        let context = speaker.context(began.summary.as_deref(), &began.recent())?;
        let reply = ended.messages.at(began.messages.len());
        let is_exact = reply.is_none_or(|reply| context.is_what_was_sent_for(reply));
        Ok(Some(Sent { context, is_exact }))
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
        let input = lines::newest_inputs(&*self.mind.store, key, At::Head, turns).await?;
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
        self.stop_summary().await;
        let update = ChatState::update().messages(message);
        self.turn(Turn::begin(&self.bot.graph, &self.key, update), hear)
            .await
    }

    /// Asks for the reply that the last message still waits for.
    ///
    /// # Errors
    /// As [`Conversation::say`]; `NothingMissing` when the last message has its reply.
    pub async fn go_on(
        &mut self,
        hear: &mut (dyn FnMut(Said<'_>) + Send),
    ) -> Result<Arc<Message>, ChatError> {
        if !self.standing(0).await?.unanswered {
            return Err(ChatError::NothingMissing);
        }
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
        let waiting = self.bot.mind.store.claim(&self.key).await?.waiting;
        let mut failed = None;
        for run in &waiting {
            // One that fails must not keep the others, or anybody behind them, waiting.
            if let Err(error) = self.say_queued(run, hear).await {
                failed.get_or_insert(error);
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(waiting.len()),
        }
    }

    async fn say_queued(
        &mut self,
        run: &Run,
        hear: &mut (dyn FnMut(Said<'_>) + Send),
    ) -> Result<(), ChatError> {
        let read = run.input.as_ref().map(|input| {
            let input = AnyInput::from_json(input)?;
            self.bot.graph.input(input)
        });
        let Some(Ok(input)) = read else {
            self.bot.mind.store.withdraw(&self.key, run.id).await?;
            let input = run.input.as_ref().map_or("nothing", |input| input.as_str());
            return Err(ChatError::Unreadable(input.to_owned()));
        };
        let turn = Turn::resume_queued(&self.bot.graph, &self.key, input, run.id);
        let done = self.turn(turn, hear).await.map(|_| ());
        if done.is_err() {
            // A run that was admitted keeps what was said; one that was not must not stay in the queue.
            self.bot.mind.store.withdraw(&self.key, run.id).await?;
        }
        done
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
}
