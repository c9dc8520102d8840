//! The product's chat graph: reply, then summarise what has become too long.

use std::sync::Arc;

use everthread_graph::contract::{Json, ThreadId, UserId};
use everthread_graph::{
    CompiledGraph, Context as Node, END, Error, NodeError, START, StateGraph, Update,
};
use everthread_model::{ChatModel, ChatRequest, Message, ModelError, Role, Silent, fit};
use everthread_store::{Store, StoreError};
use serde_json::{Value, json};

use crate::speak::speak;
use crate::state::{ChatStateUpdate, overdue};
use crate::{ChatState, Context, ContextPolicy, Profile, Summary};

/// The graph's name.
pub const GRAPH: &str = "chat";
/// The node that replies.
pub const CHAT: &str = "chat";
/// The node that summarises.
pub const SUMMARIZE: &str = "summarize";

/// What the nodes work with.
#[derive(Debug)]
pub(crate) struct Mind {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) model: Arc<dyn ChatModel>,
    pub(crate) policy: ContextPolicy,
}

impl Mind {
    /// Who is spoken to.
    pub(crate) async fn profile(&self, user: Option<&UserId>) -> Result<Profile, StoreError> {
        let Some(user) = user else {
            return Ok(Profile::default());
        };
        let user = self.store.user(user).await?;
        Ok(user.map_or_else(Profile::default, |user| {
            Profile::new(user.name, user.preferences.as_ref())
        }))
    }

    /// What the model is shown of this state.
    pub(crate) fn context(
        &self,
        state: &ChatState,
        profile: &Profile,
    ) -> Result<Context, ModelError> {
        Context::build(
            &*self.model,
            &self.policy,
            profile,
            state.summary.as_deref(),
            &state.recent(),
        )
    }

    fn overdue(&self, state: &ChatState) -> usize {
        let recent = state.recent();
        overdue(&self.policy, &recent, || self.model.count_tokens(&recent))
    }

    /// Whether all of these can be shown beside a reply.
    fn fits(&self, recent: &[Arc<Message>]) -> bool {
        let room = self
            .model
            .window_tokens()
            .saturating_sub(self.policy.reply_tokens);
        self.model.count_tokens(recent) < room / 2
    }

    /// As many of the oldest messages as a request for a summary has room for.
    fn readable<'m>(
        &self,
        summary: &Summary,
        covered: &'m [Arc<Message>],
        style: &str,
    ) -> &'m [Arc<Message>] {
        let room = self
            .model
            .window_tokens()
            .saturating_sub(self.policy.summary_tokens);
        let mut count = covered.len();
        while count > 1 {
            let asked = summary.request(&covered[..count], style);
            if self.model.count_tokens(&asked) <= room {
                break;
            }
            count /= 2;
        }
        // Not between a tool call and its results.
        while count > 1
            && covered
                .get(count)
                .is_some_and(|first| first.role() == Role::Tool)
        {
            count -= 1;
        }
        &covered[..count]
    }

    async fn prose(
        &self,
        summary: &Summary,
        covered: &[Arc<Message>],
        style: &str,
        session: String,
    ) -> Result<String, ModelError> {
        let tokens = self.policy.summary_tokens;
        let asked = fit(&*self.model, &summary.request(covered, style), tokens)?;
        let request = self.request(asked, tokens, session);
        let reply = self.model.generate(request, &mut Silent).await?;
        Ok(reply.message.text().into_owned())
    }

    fn request(&self, messages: Vec<Arc<Message>>, tokens: usize, session: String) -> ChatRequest {
        ChatRequest {
            messages,
            temperature: self.policy.temperature,
            max_tokens: Some(tokens),
            session: Some(session),
            ..ChatRequest::default()
        }
    }
}

/// Builds the graph over a store and a model.
pub(crate) fn build(mind: &Arc<Mind>) -> Result<CompiledGraph<ChatState>, Error> {
    let (talker, summarizer, judge) = (Arc::clone(mind), Arc::clone(mind), Arc::clone(mind));
    let store: Arc<dyn Store> = Arc::clone(&mind.store);
    let items = Arc::clone(&mind.store);
    StateGraph::<ChatState>::new()
        .name(GRAPH)
        .node(CHAT, move |state, node| {
            chat(Arc::clone(&talker), state, node)
        })
        .node(SUMMARIZE, move |state, node| {
            summarize(Arc::clone(&summarizer), state, node)
        })
        .edge(START, CHAT)
        .route(
            CHAT,
            move |state: &ChatState| {
                if judge.overdue(state) > 0 {
                    SUMMARIZE
                } else {
                    END
                }
            },
            [SUMMARIZE, END],
        )
        .edge(SUMMARIZE, END)
        .items(items)
        .compile(store)
}

async fn chat(
    mind: Arc<Mind>,
    state: Arc<ChatState>,
    node: Node,
) -> Result<ChatStateUpdate, NodeError> {
    let profile = mind.profile(node.user()).await?;
    let context = mind.context(&state, &profile)?;
    let session = session(&node, CHAT);
    let messages = context.messages.clone();
    let request = mind.request(messages, mind.policy.reply_tokens, session);
    let id = node.new_id();
    let mut message = speak(&node, &*mind.model, request, &id).await?.message;
    message.id = Some(id);
    context.sign(&mut message);
    message
        .response_metadata
        .entry("model")
        .or_insert_with(|| mind.model.name().into());
    Ok(ChatState::update().messages(message))
}

/// Extends the summary by as many of the oldest messages as the model can read at once; later turns go on. When the
/// model fails a later turn tries again, and once the conversation no longer fits the window the notes that are taken
/// by rule must do: a summary always comes to an end, and a fact that was told stays in the context.
async fn summarize(
    mind: Arc<Mind>,
    state: Arc<ChatState>,
    node: Node,
) -> Result<ChatStateUpdate, NodeError> {
    let recent = state.recent();
    let profile = mind.profile(node.user()).await?;
    let summary = Summary::from_text(state.summary.as_deref().unwrap_or_default());
    let style = profile.style();
    let covered = mind.readable(&summary, &recent[..mind.overdue(&state)], &style);
    let Some(last) = covered.last() else {
        return Ok(ChatState::update());
    };
    let session = session(&node, SUMMARIZE);
    let prose = match mind.prose(&summary, covered, &style, session).await {
        Ok(prose) => prose,
        Err(error) => {
            let failure: Value = json!({ "summary_failed": error.to_string() });
            node.emit(&failure).await;
            if mind.fits(&recent) {
                return Ok(ChatState::update());
            }
            summary.prose.clone()
        }
    };
    Ok(ChatState::update()
        .summary(summary.extended(&prose, covered).to_text())
        .summarized_until(last.id.clone()))
}

/// The name under which a model keeps the state of this prompt from turn to turn.
fn session(node: &Node, purpose: &str) -> String {
    let user = node.user().map_or("", UserId::as_str);
    let thread = node.thread().map_or("", ThreadId::as_str);
    format!("{user}/{thread}/{purpose}")
}

/// An input of this graph from its JSON form, as a waiting run keeps it.
pub(crate) fn input_from_json(json: &Json) -> Result<ChatStateUpdate, Error> {
    ChatStateUpdate::from_json(json)
}
