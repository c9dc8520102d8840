//! Exercise 3: a conversation is backed up in every form, lost, and recovered.
//!
//!     cargo run --release --example backup_recovery
//!
//! The notebook's steps, with its names for files: a copy of the database, the conversations of a user as JSON, a
//! compressed archive, a list of what is there; then a loss, a restore, and the count of messages that came back. Each
//! backup is restored to scratch before it is trusted. With `OPENAI_API_KEY` the model is gpt-4o-mini, otherwise the
//! local one (`everthread models pull` gets it); `EVERTHREAD_MODEL` names any other.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use everthread::SqliteFiles;
use everthread::backup::restore::{Restore, prepare};
use everthread::backup::{self, Backup, Create, Created, Form};
use everthread::graph::contract::{ThreadId, ThreadKey, UserId};
use everthread::model::Silent;
use everthread::prelude::*;
use everthread::store::ReadMessages;
use everthread::store::portable::Scope;

const DATABASE: &str = "backup_chatbot.db";
const RECOVERED: &str = "recovery_test.db";
const FOLDER: &str = "backups";
const USER: &str = "alice_dev";
const THREAD: &str = "thread_alice_dev_test";
const SAID: [&str; 3] = [
    "Hi, I'm Alice. I'm building a REST API with Python.",
    "I need help with authentication and authorization.",
    "Should I use JWT tokens or session-based auth?",
];
/// Longer replies take a small model on a small machine minutes.
const REPLY_TOKENS: usize = 120;

#[derive(State)]
struct Talk {
    #[state(list)]
    messages: Messages,
}

async fn chat(model: Arc<dyn ChatModel>, state: Arc<Talk>) -> Result<TalkUpdate, NodeError> {
    let request = ChatRequest {
        max_tokens: Some(REPLY_TOKENS),
        ..ChatRequest::new(state.messages.iter().cloned())
    };
    let reply = model.generate(request, &mut Silent).await?;
    Ok(Talk::update().messages(reply.message))
}

fn graph(store: Arc<dyn Store>) -> Result<CompiledGraph<Talk>, Box<dyn Error>> {
    let model = everthread::model_from_env()?;
    let node = move |state, _: Context| chat(Arc::clone(&model), state);
    Ok(StateGraph::<Talk>::new()
        .node("chat", node)
        .edge(START, "chat")
        .edge("chat", END)
        .compile(store)?)
}

fn key() -> Result<ThreadKey, Box<dyn Error>> {
    Ok(ThreadKey {
        user: UserId::new(USER)?,
        thread: ThreadId::new(THREAD)?,
    })
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}

fn open(path: &str) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    Ok(Arc::new(SqliteStore::open(SqliteOptions::at(path))?))
}

async fn converse(store: &Arc<dyn Store>) -> Result<(), Box<dyn Error>> {
    let graph = graph(Arc::clone(store))?;
    let thread = graph.thread(key()?);
    for text in SAID {
        println!("User: {text}");
        let input = Talk::update().messages(Message::human(text));
        let out = thread.invoke(input).await?;
        if let Some(last) = out.state.messages.last() {
            let beginning: String = last.text().chars().take(80).collect();
            println!("Assistant: {beginning}...");
        }
    }
    Ok(())
}

async fn make(
    store: &Arc<dyn Store>,
    form: Form,
    prefix: &str,
    scope: Scope,
) -> Result<Created, Box<dyn Error>> {
    let what = Create {
        form,
        prefix: prefix.to_owned(),
        scope,
        ..Create::archive(FOLDER, now_ms())
    };
    let made = backup::create(&**store, &what, &mut |_, _| {}).await?;
    let proved = verify(&made.path).await?;
    println!("  restored to scratch: {proved} messages");
    Ok(made)
}

async fn verify(path: &Path) -> Result<u64, Box<dyn Error>> {
    let folder = Path::new(FOLDER);
    let verified = backup::verify(path, folder, &SqliteFiles, now_ms(), &mut |_, _| {}).await?;
    Ok(verified.messages)
}

async fn back_up(store: &Arc<dyn Store>) -> Result<Created, Box<dyn Error>> {
    println!("\n=== Testing Backup System ===");
    println!("\n1. Creating database backup...");
    let database = make(store, Form::Snapshot, "chatbot_backup_", Scope::Whole).await?;
    println!("Database backup created: {}", database.path.display());
    println!("\n2. Exporting conversations to JSON...");
    let user = Scope::User(UserId::new(USER)?);
    let export = make(store, Form::Export, "conversations_", user).await?;
    println!("JSON export created: {}", export.path.display());
    println!("\n3. Creating compressed backup...");
    let archive = make(store, Form::Archive, "chatbot_full_backup_", Scope::Whole).await?;
    println!("Compressed backup created: {}", archive.path.display());
    println!("\n4. Listing all backups...");
    for one in backup::list(Path::new(FOLDER))? {
        let Ok(found) = &one.backup else {
            continue;
        };
        println!(
            "  - {}: {} bytes, created {}, {}verified",
            one.name,
            found.facts().bytes,
            backup::stamp(found.facts().created_ms),
            if one.verified_ms.is_some() {
                ""
            } else {
                "not "
            }
        );
    }
    println!("\n=== Backup System Test Complete ===");
    Ok(database)
}

/// Messages of the conversation, counted by a graph that knows nothing but the store.
async fn count(path: &str) -> Result<(usize, usize), Box<dyn Error>> {
    let store = open(path)?;
    let graph = graph(Arc::clone(&store))?;
    let state = graph.thread(key()?).state().await?;
    let in_state = state.map_or(0, |state| state.values.messages.len());
    let told = store.messages(&key()?, ReadMessages::default()).await?;
    store.close().await?;
    Ok((in_state, told.len()))
}

async fn recover(database: &Created, before: usize) -> Result<(), Box<dyn Error>> {
    println!("\n=== Testing Recovery System ===");
    open(RECOVERED)?.close().await?;
    println!("\n1. Created empty database for recovery test");
    println!("\n2. Restoring from backup...");
    let how = Restore {
        with_erased: false,
        now_ms: now_ms(),
    };
    let found = Backup::open(&database.path)?;
    let target = Path::new(RECOVERED);
    let prepared = prepare(&found, target, &SqliteFiles, how, &mut |_, _| {}).await?;
    let (was, will) = (prepared.changes().before, prepared.changes().after);
    println!(
        "  {} messages now, {} afterwards",
        was.map_or(0, |holds| holds.messages),
        will.messages
    );
    let restored = prepared.swap(Arc::new(SqliteFiles)).await?;
    println!("Restoration successful");
    println!("\n3. Verifying data integrity...");
    let (in_state, told) = count(RECOVERED).await?;
    println!("Recovered conversation has {in_state} messages");
    if in_state != before || told != before || before == 0 {
        return Err(format!("{before} messages were backed up and {in_state} came back").into());
    }
    println!("\n=== Recovery System Test Complete ===");
    for path in restored
        .safety_copy
        .iter()
        .map(|path| path.as_path())
        .chain([target])
    {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = open(DATABASE)?;
    converse(&store).await?;
    let before = store
        .messages(&key()?, ReadMessages::default())
        .await?
        .len();
    println!("\nThe conversation has {before} messages.");
    let database = back_up(&store).await?;
    store.close().await?;
    recover(&database, before).await
}
