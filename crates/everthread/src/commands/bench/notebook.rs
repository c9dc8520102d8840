//! The notebook's graph, from public parts: chat; above 6 messages summarise and keep the last 2.
//!
//! Not the product's chat graph: here the state itself is shortened, as the exercises have it.

use std::sync::Arc;

use everthread_chat::Messages;
use everthread_graph::contract::Checkpointer;
use everthread_graph::{CompiledGraph, Context, END, Edits, NodeError, START, State, StateGraph};
use everthread_model::{ChatModel, ChatRequest, Message, Silent, scripted};

use crate::failure::Failure;

/// Messages above which a summary is made.
const LIMIT: usize = 6;
/// Messages that stay beside it.
const KEPT: usize = 2;

/// The notebook's state.
#[derive(State)]
pub(super) struct NotebookState {
    /// The conversation, as far as it was not summarised.
    #[state(list)]
    pub(super) messages: Messages,
    /// What stands for the rest.
    pub(super) summary: Option<String>,
    /// Who speaks.
    pub(super) user_id: Option<String>,
}

/// The graph; without summaries when `summaries` is off, and without a store when there is none.
pub(super) fn graph(
    model: &Arc<dyn ChatModel>,
    store: Option<Arc<dyn Checkpointer>>,
    summaries: bool,
) -> Result<CompiledGraph<NotebookState>, Failure> {
    let (talker, writer) = (Arc::clone(model), Arc::clone(model));
    let mut graph = StateGraph::<NotebookState>::new()
        .name("notebook")
        .node("chat", move |state, _: Context| {
            chat(Arc::clone(&talker), state)
        })
        .edge(START, "chat");
    if summaries {
        graph = graph
            .node("summarize", move |state, _: Context| {
                summarize(Arc::clone(&writer), state)
            })
            .route(
                "chat",
                |state: &NotebookState| {
                    if state.messages.len() > LIMIT {
                        "summarize"
                    } else {
                        END
                    }
                },
                ["summarize", END],
            )
            .edge("summarize", END);
    } else {
        graph = graph.edge("chat", END);
    }
    Ok(match store {
        Some(store) => graph.compile(store)?,
        None => graph.compile_stateless()?,
    })
}

/// The input of turn `i`: 200 characters, other ones than the model's next reply.
pub(super) fn turn(i: usize) -> NotebookStateUpdate {
    NotebookState::update()
        .messages(Message::human(text(i)))
        .user_id("u1".to_owned())
}

/// A word of that input.
pub(super) fn word(i: usize) -> String {
    let text = text(i);
    let word = text.split_whitespace().next();
    word.unwrap_or_default().to_owned()
}

fn text(i: usize) -> String {
    let texts = scripted::words();
    texts[(i * 17 + 5) % texts.len()].clone()
}

async fn chat(
    model: Arc<dyn ChatModel>,
    state: Arc<NotebookState>,
) -> Result<NotebookStateUpdate, NodeError> {
    let mut messages = Vec::with_capacity(state.messages.len() + 1);
    if let Some(summary) = &state.summary {
        let text = format!("Summary of the conversation so far: {summary}");
        messages.push(Arc::new(Message::system(text)));
    }
    messages.extend(state.messages.iter().cloned());
    let reply = model
        .generate(ChatRequest::new(messages), &mut Silent)
        .await?;
    Ok(NotebookState::update().messages(reply.message))
}

async fn summarize(
    model: Arc<dyn ChatModel>,
    state: Arc<NotebookState>,
) -> Result<NotebookStateUpdate, NodeError> {
    let ask = match &state.summary {
        Some(summary) => {
            format!("Summary so far: {summary}\nExtend it with the new messages above:")
        }
        None => "Summarize the conversation above:".to_owned(),
    };
    let mut messages: Vec<Arc<Message>> = state.messages.iter().cloned().collect();
    messages.push(Arc::new(Message::human(ask)));
    let reply = model
        .generate(ChatRequest::new(messages), &mut Silent)
        .await?;
    let old = state.messages.len().saturating_sub(KEPT);
    let mut removed = Edits::new();
    for message in state.messages.iter().take(old) {
        removed = removed.remove(message.id.clone().unwrap_or_default());
    }
    Ok(NotebookState::update()
        .summary(reply.message.text().into_owned())
        .messages(removed))
}
