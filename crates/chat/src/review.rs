//! The graph in which a person has the last word: the model drafts a reply, the run stops, and only what was approved
//! or edited becomes the assistant's message.

mod state;
mod verdict;

use std::sync::Arc;

use everthread_graph::{
    Command, CompiledGraph, Context as Node, END, Error, NodeError, NodeOptions, START, StateGraph,
};
use everthread_model::{Message, Silent};
use everthread_store::Store;
use serde_json::{Value, json};

pub use state::{Rejected, ReviewState, ReviewStateUpdate};
use verdict::Verdict;

use crate::speaker::Mind;
use crate::{ChatError, ContextPolicy, Models, RunContext, SUMMARIZE};

/// The graph's name, and that of the node that asks a person.
pub const REVIEW: &str = "review";
/// The node that drafts.
pub const DRAFT: &str = "draft";

/// How many rejected drafts a new draft is written in sight of, the newest.
const MAX_REJECTED: usize = 8;

/// The graph `review` over a store and its models.
///
/// A run stops with the question `{"question": …, "draft": {"id": …, "content": …}, "answers": …}`. The answer is
/// `true` or `{"action": "approve"}`, `{"action": "edit", "content": …}`, or `{"action": "reject", "note": …}`, after
/// which the model drafts anew. Each of the actions may also be given as bare text where it needs nothing else.
///
/// # Errors
/// Never with the graph as it is; the builder's errors are passed on.
pub fn review_graph(
    store: Arc<dyn Store>,
    models: impl Into<Models>,
    policy: ContextPolicy,
) -> Result<CompiledGraph<ReviewState>, ChatError> {
    let mind = Arc::new(Mind {
        store,
        models: models.into(),
        policy,
    });
    Ok(build(&mind)?)
}

pub(crate) fn build(mind: &Arc<Mind>) -> Result<CompiledGraph<ReviewState>, Error> {
    let (drafter, reviewer, summarizer) = (Arc::clone(mind), Arc::clone(mind), Arc::clone(mind));
    let store: Arc<dyn Store> = Arc::clone(&mind.store);
    let items = Arc::clone(&mind.store);
    let mind = Arc::clone(mind);
    StateGraph::<ReviewState>::new()
        .name(REVIEW)
        .node(DRAFT, move |state, node| {
            draft(Arc::clone(&drafter), state, node)
        })
        .node_with(
            REVIEW,
            move |state, node| review(Arc::clone(&reviewer), state, node),
            NodeOptions::new().destinations([DRAFT, SUMMARIZE, END]),
        )
        .node(SUMMARIZE, move |state, node| {
            summarize(Arc::clone(&summarizer), state, node)
        })
        .edge(START, DRAFT)
        .edge(DRAFT, REVIEW)
        .edge(SUMMARIZE, END)
        .items(items)
        .context_schema(RunContext::schema())
        .check_input(ReviewStateUpdate::check)
        .check_context(move |context| mind.check_context(context))
        .compile(store)
}

/// Nobody hears a draft while it is written: what was not approved was not said.
async fn draft(
    mind: Arc<Mind>,
    state: Arc<ReviewState>,
    node: Node,
) -> Result<ReviewStateUpdate, NodeError> {
    let speaker = mind.speaker(&node, state.user_profile.as_ref()).await?;
    let mut shown = state.recent();
    let rejected = state.rejected_now();
    for rejected in &rejected[rejected.len().saturating_sub(MAX_REJECTED)..] {
        shown.push(Arc::new(Message::ai(rejected.draft.clone())));
        shown.push(Arc::new(Message::human(rejected.to_text())));
    }
    let context = speaker.context(state.summary.as_deref(), &shown)?;
    let request = speaker.reply_to(&node, &context);
    let mut nobody = Silent;
    let (reply, ()) = tokio::join!(
        speaker.model.generate(request, &mut nobody),
        mind.entitle(&node, state.messages.iter()),
    );
    let message = speaker.signed(reply?, node.new_id(), &context);
    Ok(ReviewState::update().draft(message))
}

async fn review(
    mind: Arc<Mind>,
    state: Arc<ReviewState>,
    node: Node,
) -> Result<Command<ReviewState>, NodeError> {
    let Some(draft) = &state.draft else {
        return Err(NodeError::permanent("there is no draft to review"));
    };
    let answer: Value = node
        .interrupt(&json!({
            "question": "May this reply be sent?",
            "draft": {"id": draft.id, "content": draft.content},
            "answers": verdict::FORMS,
        }))
        .await?;
    let (content, outcome) = match Verdict::read(&answer).map_err(NodeError::permanent)? {
        Verdict::Approve => (draft.content.clone(), "approved"),
        Verdict::Edit(content) => (content, "edited"),
        Verdict::Reject(note) => {
            let mut rejected = state.rejected_now();
            rejected.push(state.rejected(draft, note));
            let update = ReviewState::update().draft(None).rejected(rejected);
            return Ok(Command::new().update(update).goto(DRAFT));
        }
    };
    let mut message = Message {
        content,
        ..draft.clone()
    };
    let metadata = &mut message.response_metadata;
    metadata.insert("review".to_owned(), outcome.into());
    let message = Arc::new(message);
    let mut recent = state.recent();
    recent.push(Arc::clone(&message));
    let update = ReviewState::update()
        .messages(message)
        .draft(None)
        .rejected(Vec::new());
    let said = Command::new().update(update);
    let speaker = mind.speaker(&node, None).await?;
    Ok(if speaker.overdue(&recent) > 0 {
        said.goto(SUMMARIZE)
    } else {
        said
    })
}

async fn summarize(
    mind: Arc<Mind>,
    state: Arc<ReviewState>,
    node: Node,
) -> Result<ReviewStateUpdate, NodeError> {
    let speaker = mind.speaker(&node, None).await?;
    let summary = state.summary.as_deref();
    let summarized = speaker.summarize(&node, summary, &state.recent()).await;
    Ok(match summarized {
        None => ReviewState::update(),
        Some(new) => ReviewState::update()
            .summary(new.text)
            .summarized_until(new.until),
    })
}
