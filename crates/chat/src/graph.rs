//! The product's chat graph: reply, then summarise what has become too long.

use std::sync::Arc;

use everthread_graph::contract::{Json, ThreadId, UserId};
use everthread_graph::{
    CompiledGraph, Context as Node, END, Error, NodeError, START, StateGraph, Update,
};
use everthread_model::{ChatModel, ChatRequest, Message, ModelError, Silent, fit};
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
    let request = mind.request(context.messages, mind.policy.reply_tokens, session);
    let id = node.new_id();
    let mut message = speak(&node, &*mind.model, request, &id).await?.message;
    message.id = Some(id);
    message
        .response_metadata
        .entry("model")
        .or_insert_with(|| mind.model.name().into());
    Ok(ChatState::update().messages(message))
}

/// Extends the summary. When the model fails nothing is lost: the context is cut to the window by rule
/// until a later turn succeeds.
async fn summarize(
    mind: Arc<Mind>,
    state: Arc<ChatState>,
    node: Node,
) -> Result<ChatStateUpdate, NodeError> {
    let recent = state.recent();
    let covered = &recent[..mind.overdue(&state).min(recent.len())];
    let Some(last) = covered.last() else {
        return Ok(ChatState::update());
    };
    let profile = mind.profile(node.user()).await?;
    let summary = Summary::from_text(state.summary.as_deref().unwrap_or_default());
    match prose(&mind, &summary, covered, &profile, &node).await {
        Ok(prose) => Ok(ChatState::update()
            .summary(summary.extended(&prose, covered).to_text())
            .summarized_until(last.id.clone())),
        Err(error) => {
            let failure: Value = json!({ "summary_failed": error.to_string() });
            node.emit(&failure).await;
            Ok(ChatState::update())
        }
    }
}

async fn prose(
    mind: &Mind,
    summary: &Summary,
    covered: &[Arc<Message>],
    profile: &Profile,
    node: &Node,
) -> Result<String, ModelError> {
    let asked = summary.request(covered, &profile.style());
    let tokens = mind.policy.summary_tokens;
    let messages = fit(&*mind.model, &asked, tokens)?;
    let session = session(node, SUMMARIZE);
    let request = mind.request(messages, tokens, session);
    let reply = mind.model.generate(request, &mut Silent).await?;
    Ok(reply.message.text().into_owned())
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
