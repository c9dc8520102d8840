//! Exercise 1: a chatbot whose conversation outlives its process.
//!
//!     cargo run --release --example persistent_chat
//!
//! The graph is the notebook's: a chat node; above 6 messages a summary takes the place of all but the last 2. Part 2
//! runs in a second process, which knows nothing but the file. With `OPENAI_API_KEY` the model is gpt-4o-mini,
//! otherwise the local one (`everthread models pull` gets it); `EVERTHREAD_MODEL` names any other.

use std::error::Error;
use std::process::Command;
use std::sync::Arc;

use everthread::model::Silent;
use everthread::prelude::*;

const DATABASE: &str = "persistent_chatbot.db";
const PICTURE: &str = "persistent_chatbot.png";
const USER: &str = "alice_123";
/// Longer replies take a small model on a small machine minutes.
const REPLY_TOKENS: usize = 300;

#[derive(State)]
struct PersistentChatState {
    #[state(list)]
    messages: Messages,
    summary: Option<String>,
    user_id: Option<String>,
}

type Update = PersistentChatStateUpdate;

fn system(text: String) -> Arc<Message> {
    Arc::new(Message::system(text))
}

fn request(messages: Vec<Arc<Message>>) -> ChatRequest {
    ChatRequest {
        max_tokens: Some(REPLY_TOKENS),
        ..ChatRequest::new(messages)
    }
}

async fn chat(
    model: Arc<dyn ChatModel>,
    state: Arc<PersistentChatState>,
) -> Result<Update, NodeError> {
    let user = state.user_id.as_deref().unwrap_or("unknown");
    println!("Processing chat for user: {user}");
    let mut messages = Vec::new();
    if let Some(summary) = &state.summary {
        messages.push(system(format!(
            "Summary of the conversation so far: {summary}"
        )));
    }
    messages.extend(state.messages.iter().cloned());
    let reply = model.generate(request(messages), &mut Silent).await?;
    Ok(PersistentChatState::update().messages(reply.message))
}

async fn summarize(
    model: Arc<dyn ChatModel>,
    state: Arc<PersistentChatState>,
) -> Result<Update, NodeError> {
    println!("Creating persistent summary...");
    let ask = match &state.summary {
        Some(summary) => format!(
            "This is a summary of the conversation so far: {summary}\n\nExtend it with the messages above, in at \
             most five sentences. Keep every name."
        ),
        None => {
            "Summarize the conversation above in at most five sentences. Keep every name.".into()
        }
    };
    let mut messages: Vec<_> = state.messages.iter().cloned().collect();
    messages.push(Arc::new(Message::human(ask)));
    let reply = model.generate(request(messages), &mut Silent).await?;
    let mut removed = Edits::new();
    for message in state.messages.iter().take(state.messages.len() - 2) {
        removed = removed.remove(
            message
                .id
                .clone()
                .expect("the graph gives every message an id"),
        );
    }
    Ok(PersistentChatState::update()
        .summary(reply.message.text().into_owned())
        .messages(removed))
}

fn should_summarize(state: &PersistentChatState) -> &'static str {
    if state.messages.len() > 6 {
        "summarize"
    } else {
        END
    }
}

fn graph(
    model: &Arc<dyn ChatModel>,
    store: Arc<dyn Store>,
) -> Result<CompiledGraph<PersistentChatState>, Box<dyn Error>> {
    let (talker, writer) = (Arc::clone(model), Arc::clone(model));
    Ok(StateGraph::<PersistentChatState>::new()
        .name("persistent_chat")
        .node("chat", move |state, _: Context| {
            chat(Arc::clone(&talker), state)
        })
        .node("summarize", move |state, _: Context| {
            summarize(Arc::clone(&writer), state)
        })
        .edge(START, "chat")
        .route("chat", should_summarize, ["summarize", END])
        .edge("summarize", END)
        .compile(store)?)
}

/// The first characters of a text, as the notebook prints them.
fn beginning(text: &str) -> String {
    text.chars().take(100).collect()
}

async fn converse(
    graph: &CompiledGraph<PersistentChatState>,
    said: &[&str],
) -> Result<usize, Box<dyn Error>> {
    let thread = graph
        .thread(format!("persistent_chat_{USER}").as_str())
        .user(USER);
    let mut messages = 0;
    for (i, text) in said.iter().enumerate() {
        println!("\nTurn {}:", i + 1);
        println!("Alice: {text}");
        let input = PersistentChatState::update()
            .messages(Message::human(*text))
            .user_id(USER.to_owned());
        let result = thread.invoke(input).await?;
        if let Some(last) = result.state.messages.last() {
            println!("Assistant: {}...", beginning(&last.text()));
        }
        if let Some(summary) = &result.state.summary {
            println!("Summary: {}...", beginning(summary));
        }
        messages = result.state.messages.len();
    }
    Ok(messages)
}

async fn part_1(graph: &CompiledGraph<PersistentChatState>) -> Result<(), Box<dyn Error>> {
    std::fs::write(PICTURE, graph.draw().png()?)?;
    println!("The graph is drawn in {PICTURE}\n");
    println!("=== Conversation Part 1 ===");
    let messages = converse(
        graph,
        &[
            "Hi, I'm Alice and I'm working on a Python web application.",
            "I'm using FastAPI and need help with database integration.",
            "Should I use SQLAlchemy or a simpler solution?",
            "I'm storing user profiles and transaction data.",
        ],
    )
    .await?;
    println!("\n=== Conversation state persisted to database ===");
    println!("Messages in conversation: {messages}");
    Ok(())
}

async fn part_2(graph: &CompiledGraph<PersistentChatState>) -> Result<(), Box<dyn Error>> {
    println!("\n=== Conversation Part 2 (After Restart) ===");
    converse(
        graph,
        &[
            "I'm back! Do you remember what we were discussing?",
            "Great! Can you help me set up the database models?",
            "What about handling database migrations?",
        ],
    )
    .await?;
    println!("\n=== Persistence Test Complete! ===");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let is_second = std::env::args().any(|argument| argument == "--after-restart");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(SqliteOptions::at(DATABASE))?);
    let graph = graph(&everthread::model_from_env()?, Arc::clone(&store))?;
    if is_second {
        part_2(&graph).await?;
    } else {
        part_1(&graph).await?;
    }
    store.close().await?;
    if is_second {
        return Ok(());
    }
    println!("\n=== Simulating Application Restart ===");
    println!("Creating new graph instance with same database...");
    let status = Command::new(std::env::current_exe()?)
        .arg("--after-restart")
        .status()?;
    std::process::exit(status.code().unwrap_or(1))
}
