//! Exercise 2: three users, one store, and nobody sees anything of anybody else.
//!
//!     cargo run --release --example multi_user
//!
//! Each user has a profile that shapes what the model is told; a node of the graph keeps statistics of the
//! conversation and of the user; summaries are written in the style that the user prefers. With `OPENAI_API_KEY` the
//! model is gpt-4o-mini, otherwise the local one (`everthread models pull` gets it); `EVERTHREAD_MODEL` names any other.

use std::error::Error;
use std::sync::Arc;

use everthread::chat::Profile;
use everthread::graph::contract::{Json, ThreadId, ThreadKey, UserId};
use everthread::model::Silent;
use everthread::prelude::*;
use everthread::store::{ListThreads, Search, ThreadPatch, UserPatch};
use serde_json::json;

const DATABASE: &str = "multiuser_chatbot.db";
const PICTURE: &str = "multiuser_chatbot.png";
/// Longer replies take a small model on a small machine minutes.
const REPLY_TOKENS: usize = 200;

/// Who, what to call them, what they care about, and what they say.
const USERS: &[(&str, &str, [&str; 2], [&str; 3])] = &[
    (
        "alice_dev",
        "Alice",
        ["Python", "Web Development"],
        [
            "Hi, I'm Alice. I'm building a REST API with Python.",
            "I need help with authentication and authorization.",
            "Should I use JWT tokens or session-based auth?",
        ],
    ),
    (
        "bob_data",
        "Bob",
        ["Data Science", "Machine Learning"],
        [
            "Hello, I'm Bob. I work with data science projects.",
            "I'm analyzing customer behavior data using pandas.",
            "What's the best way to handle missing values?",
        ],
    ),
    (
        "charlie_mobile",
        "Charlie",
        ["Mobile Apps", "React Native"],
        [
            "Hey, I'm Charlie. I develop mobile applications.",
            "I'm using React Native for cross-platform development.",
            "How do I handle offline data synchronization?",
        ],
    ),
];

fn add(old: u64, new: u64) -> u64 {
    old + new
}

#[derive(State)]
struct MultiUserChatState {
    #[state(list)]
    messages: Messages,
    summary: Option<String>,
    /// Characters that the user has written in this conversation.
    #[state(reducer = add)]
    written: u64,
}

type Update = MultiUserChatStateUpdate;

/// What the nodes work with.
#[derive(Clone)]
struct Mind {
    model: Arc<dyn ChatModel>,
    store: Arc<dyn Store>,
}

impl Mind {
    async fn profile(&self, node: &Context) -> Result<Profile, NodeError> {
        let Some(id) = node.user() else {
            return Ok(Profile::default());
        };
        let user = self.store.user(id).await?;
        Ok(user.map_or_else(Profile::default, |user| {
            Profile::new(user.name, user.preferences.as_ref())
        }))
    }

    async fn chat(
        self,
        state: Arc<MultiUserChatState>,
        node: Context,
    ) -> Result<Update, NodeError> {
        println!("Processing chat for user: {}", shown(&node));
        let mut opening = self.profile(&node).await?.to_text();
        if let Some(summary) = &state.summary {
            opening.push_str("\nSummary of the conversation so far: ");
            opening.push_str(summary);
        }
        let mut messages = vec![Arc::new(Message::system(opening))];
        messages.extend(state.messages.iter().cloned());
        let reply = self.model.generate(request(messages), &mut Silent).await?;
        Ok(MultiUserChatState::update().messages(reply.message))
    }

    /// The store counts messages and turns and notes when the user was active in the very commit of a turn. What
    /// else is to be known of a conversation is the graph's.
    async fn update_activity(
        self,
        state: Arc<MultiUserChatState>,
        node: Context,
    ) -> Result<Update, NodeError> {
        println!("Updating activity for user: {}", shown(&node));
        let said = state.messages.iter().rev().nth(1);
        let written = said.map_or(0, |message| message.text().chars().count());
        Ok(MultiUserChatState::update().written(written as u64))
    }

    async fn summarize(
        self,
        state: Arc<MultiUserChatState>,
        node: Context,
    ) -> Result<Update, NodeError> {
        println!("Creating personalized summary for user: {}", shown(&node));
        let style = self.profile(&node).await?.style();
        let ask = format!("Summarize the conversation above in at most four sentences. {style}");
        let mut messages: Vec<_> = state.messages.iter().cloned().collect();
        messages.push(Arc::new(Message::human(ask)));
        let reply = self.model.generate(request(messages), &mut Silent).await?;
        let covered = state.messages.iter().take(state.messages.len() - 2);
        let removed = covered.filter_map(|message| message.id.clone());
        let removed = removed.fold(Edits::new(), Edits::remove);
        Ok(MultiUserChatState::update()
            .summary(reply.message.text().into_owned())
            .messages(removed))
    }
}

fn shown(node: &Context) -> &str {
    node.user().map_or("nobody", UserId::as_str)
}

fn request(messages: Vec<Arc<Message>>) -> ChatRequest {
    ChatRequest {
        max_tokens: Some(REPLY_TOKENS),
        ..ChatRequest::new(messages)
    }
}

fn graph(mind: &Mind) -> Result<CompiledGraph<MultiUserChatState>, Box<dyn Error>> {
    let (talker, keeper, writer) = (mind.clone(), mind.clone(), mind.clone());
    let is_long = |state: &MultiUserChatState| match state.messages.len() {
        0..=6 => END,
        _ => "summarize",
    };
    Ok(StateGraph::<MultiUserChatState>::new()
        .name("multi_user_chat")
        .node("chat", move |state, node| talker.clone().chat(state, node))
        .node("update_activity", move |state, node| {
            keeper.clone().update_activity(state, node)
        })
        .node("summarize", move |state, node| {
            writer.clone().summarize(state, node)
        })
        .edge(START, "chat")
        .edge("chat", "update_activity")
        .route("update_activity", is_long, ["summarize", END])
        .edge("summarize", END)
        .compile(mind.store.clone())?)
}

async fn converse(
    graph: &CompiledGraph<MultiUserChatState>,
    store: &Arc<dyn Store>,
    user: &str,
    said: &[&str],
) -> Result<(), Box<dyn Error>> {
    println!("\n=== Conversation with {user} ===");
    let id = ThreadId::new(format!("thread_{user}_{:08x}", rand_suffix()))?;
    let key = ThreadKey {
        user: UserId::new(user)?,
        thread: id,
    };
    let thread = graph.thread(key.clone());
    for (i, text) in said.iter().enumerate() {
        println!("\nTurn {}:", i + 1);
        println!("User: {text}");
        let input = MultiUserChatState::update().messages(Message::human(*text));
        let out = thread.invoke(input).await?;
        if let Some(last) = out.state.messages.last() {
            let beginning: String = last.text().chars().take(80).collect();
            println!("Assistant: {beginning}...");
        }
    }
    let patch = ThreadPatch {
        title: said.first().map(|first| (*first).to_owned()),
        ..ThreadPatch::default()
    };
    store.update_thread(&key, patch).await?;
    Ok(())
}

/// Makes the names of conversations differ from run to run.
fn rand_suffix() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.subsec_nanos())
}

async fn statistics(store: &Arc<dyn Store>) -> Result<(), Box<dyn Error>> {
    println!("\n=== Activity and statistics ===");
    for (id, ..) in USERS {
        let id = UserId::new(id)?;
        let Some(user) = store.user(&id).await? else {
            continue;
        };
        println!(
            "{} ({id}): {} conversation(s), {} messages, last active {} ms after the profile was made",
            user.name.as_deref().unwrap_or("?"),
            user.threads,
            user.messages,
            user.active_ms - user.created_ms,
        );
        for thread in store.threads(&id, ListThreads::default()).await? {
            println!(
                "  {}: {:?}, {} messages in {} turns",
                thread.id,
                thread.title.unwrap_or_default(),
                thread.messages,
                thread.turns
            );
        }
    }
    Ok(())
}

async fn isolation(store: &Arc<dyn Store>) -> Result<(), Box<dyn Error>> {
    println!("\n=== Isolation ===");
    for (id, ..) in USERS {
        let search = Search {
            words: "pandas".to_owned(),
            thread: None,
            offset: 0,
            limit: 100,
        };
        let hits = store.search(&UserId::new(id)?, search).await?;
        println!("{id} finds \"pandas\" in {} message(s)", hits.len());
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(SqliteOptions::at(DATABASE))?);
    let mind = Mind {
        model: everthread::model_from_env()?,
        store: Arc::clone(&store),
    };
    let graph = graph(&mind)?;
    std::fs::write(PICTURE, graph.draw().png()?)?;
    println!("The graph is drawn in {PICTURE}");
    for (id, name, interests, _) in USERS {
        let patch = UserPatch {
            name: Some((*name).to_owned()),
            preferences: Some(Json::of(&json!({ "interests": interests }))?),
            ..UserPatch::default()
        };
        store.put_user(&UserId::new(id)?, patch).await?;
    }
    for (id, _, _, said) in USERS {
        converse(&graph, &store, id, said).await?;
    }
    statistics(&store).await?;
    isolation(&store).await?;
    store.close().await?;
    println!("\n=== Multi-User Test Complete ===");
    Ok(())
}
