//! The product's chat graph: reply, then summarise what has become too long.

use std::sync::Arc;

use everthread_graph::{
    Command, CompiledGraph, Context as Node, END, Error, NodeError, NodeOptions, START, StateGraph,
};
use everthread_store::Store;

use crate::speak::speak;
use crate::speaker::Mind;
use crate::state::ChatStateUpdate;
use crate::{ChatState, RunContext};

/// The graph's name.
pub const GRAPH: &str = "chat";
/// The node that replies.
pub const CHAT: &str = "chat";
/// The node that summarises.
pub const SUMMARIZE: &str = "summarize";

/// Builds the graph over a store and its models.
pub(crate) fn build(mind: &Arc<Mind>) -> Result<CompiledGraph<ChatState>, Error> {
    let (talker, summarizer) = (Arc::clone(mind), Arc::clone(mind));
    let store: Arc<dyn Store> = Arc::clone(&mind.store);
    let items = Arc::clone(&mind.store);
    let mind = Arc::clone(mind);
    StateGraph::<ChatState>::new()
        .name(GRAPH)
        .node_with(
            CHAT,
            move |state, node| chat(Arc::clone(&talker), state, node),
            // Where to go depends on the limits of the run, which a route does not see.
            NodeOptions::new().destinations([SUMMARIZE, END]),
        )
        .node(SUMMARIZE, move |state, node| {
            summarize(Arc::clone(&summarizer), state, node)
        })
        .edge(START, CHAT)
        .edge(SUMMARIZE, END)
        .items(items)
        .context_schema(RunContext::schema())
        .check_input(ChatStateUpdate::check)
        .check_context(move |context| mind.check_context(context))
        .compile(store)
}

async fn chat(
    mind: Arc<Mind>,
    state: Arc<ChatState>,
    node: Node,
) -> Result<Command<ChatState>, NodeError> {
    let speaker = mind.speaker(&node, state.user_profile.as_ref()).await?;
    let mut recent = state.recent();
    let context = speaker.context(state.summary.as_deref(), &recent)?;
    let request = speaker.reply_to(&node, &context);
    let (reply, ()) = tokio::join!(
        speak(&node, &*speaker.model, request),
        mind.entitle(&node, state.messages.iter()),
    );
    let (reply, id) = reply?;
    let message = Arc::new(speaker.signed(reply, id, &context));
    recent.push(Arc::clone(&message));
    let said = Command::new().update(ChatState::update().messages(message));
    Ok(if speaker.overdue(&recent) > 0 {
        said.goto(SUMMARIZE)
    } else {
        said
    })
}

async fn summarize(
    mind: Arc<Mind>,
    state: Arc<ChatState>,
    node: Node,
) -> Result<ChatStateUpdate, NodeError> {
    let speaker = mind.speaker(&node, None).await?;
    let summary = state.summary.as_deref();
    let summarized = speaker.summarize(&node, summary, &state.recent()).await;
    Ok(match summarized {
        None => ChatState::update(),
        Some(new) => ChatState::update()
            .summary(new.text)
            .summarized_until(new.until),
    })
}
