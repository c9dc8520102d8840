//! Exercise 4: many users at once on one store, with clean-up in the background, statistics and an orderly end.
//!
//!     cargo run --release --example scalable_memory
//!
//! Twenty users talk at the same time, ten at once, three messages each with a pause between. Meanwhile conversations
//! that were idle for thirty days go, once an hour, but for those that their users pinned. The replies are scripted, so
//! that the memory is what is loaded; `EVERTHREAD_MODEL` or `OPENAI_API_KEY` take a real model. `everthread bench load` is
//! the same without the pauses, measured.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use everthread::graph::contract::{StoreError, StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread::model::scripted::Scripted;
use everthread::prelude::*;
use everthread::store::{ListThreads, ListUsers};
use futures::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const DATABASE: &str = "scalable_chatbot.db";
/// Connections that read; one more writes, for all.
const MAX_CONNECTIONS: usize = 10;
const WORKERS: usize = 10;
const USERS: usize = 20;
const MESSAGES: usize = 3;
const PAUSE: Duration = Duration::from_millis(100);
const CLEANUP_EVERY: Duration = Duration::from_secs(3600);
const IDLE_DAYS: i64 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const PAGE: usize = 500;

/// The store with what keeps it in order.
struct MemoryManager {
    store: Arc<dyn Store>,
    stop: watch::Sender<bool>,
    cleanup: JoinHandle<()>,
}

impl MemoryManager {
    /// Opens the store, whose connections are pooled and whose writes are grouped, and begins to clean up.
    fn open(path: &str, connections: usize) -> Result<Self, StoreError> {
        let options = SqliteOptions {
            readers: connections,
            ..SqliteOptions::at(path)
        };
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options)?);
        let (stop, stopped) = watch::channel(false);
        let cleanup = tokio::spawn(keep_clean(Arc::clone(&store), stopped));
        Ok(Self {
            store,
            stop,
            cleanup,
        })
    }

    /// What the store holds, by name.
    async fn statistics(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        // The search index follows what is said; here it is waited for.
        self.store.settle().await?;
        let stats = self.store.stats().await?;
        let active = users(&self.store, now_ms() - DAY_MS).await?.len();
        Ok(vec![
            ("storage", stats.storage),
            ("engine", stats.engine),
            ("bytes on disk", stats.file_bytes.to_string()),
            ("bytes in use", stats.live_bytes.to_string()),
            ("users", stats.users.to_string()),
            ("users active in the last day", active.to_string()),
            ("conversations", stats.threads.to_string()),
            ("messages", stats.messages.to_string()),
            ("checkpoints", stats.checkpoints.to_string()),
            (
                "messages the search index has not seen",
                stats.unindexed.to_string(),
            ),
        ])
    }

    /// Stops the clean-up, and closes the store once everything that was begun is finished.
    async fn shutdown(self) -> Result<(), Box<dyn Error>> {
        self.stop.send_replace(true);
        self.cleanup.await?;
        Ok(self.store.close().await?)
    }
}

/// Removes old conversations, at once and then every hour, until it is stopped.
async fn keep_clean(store: Arc<dyn Store>, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = clean_up(&store, IDLE_DAYS).await {
            eprintln!("Cleanup error: {error}");
        }
        let next = tokio::time::sleep(CLEANUP_EVERY);
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = next => {}
        }
    }
}

/// Removes conversations that nobody touched for so many days; gives how many. Those that their user pinned stay, and
/// so does everything of a user under hold.
async fn clean_up(store: &Arc<dyn Store>, days: i64) -> Result<usize, StoreError> {
    let before_ms = now_ms() - days * DAY_MS;
    let mut removed = 0;
    for user in users(store, i64::MIN).await? {
        let (mut offset, mut old) = (0, Vec::new());
        loop {
            let query = ListThreads {
                archived: true,
                offset,
                limit: PAGE,
            };
            let page = store.threads(&user, query).await?;
            offset += page.len();
            let idle = page
                .iter()
                .filter(|thread| !thread.pinned && thread.updated_ms < before_ms);
            old.extend(idle.map(|thread| thread.id.clone()));
            if page.len() < PAGE {
                break;
            }
        }
        for thread in old {
            let user = user.clone();
            match store.delete_thread(&ThreadKey { user, thread }).await {
                Ok(_) => removed += 1,
                // Held, talking just now, or gone: none of these is an error of the clean-up.
                Err(error)
                    if matches!(
                        error.kind(),
                        StoreErrorKind::Held | StoreErrorKind::Busy | StoreErrorKind::NotFound
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(removed)
}

/// Users who were active after a time.
async fn users(store: &Arc<dyn Store>, after_ms: i64) -> Result<Vec<UserId>, StoreError> {
    let (mut offset, mut all) = (0, Vec::new());
    loop {
        let query = ListUsers {
            offset,
            limit: PAGE,
        };
        let page = store.users(query).await?;
        offset += page.len();
        let active = page.iter().filter(|user| user.active_ms >= after_ms);
        all.extend(active.map(|user| user.id.clone()));
        if page.len() < PAGE {
            return Ok(all);
        }
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// One user's conversation.
async fn simulate_user_conversation(
    bot: &Chatbot,
    user: &str,
    messages: usize,
) -> Result<(), Box<dyn Error>> {
    let said = [
        format!("Hi, I'm user {user}. I have a question about programming."),
        "Can you help me with Python best practices?".to_owned(),
        "What about error handling strategies?".to_owned(),
        "How do I write maintainable code?".to_owned(),
        "Thanks for the help!".to_owned(),
    ];
    let key = ThreadKey {
        user: UserId::new(user)?,
        thread: ThreadId::new(format!("load_test_{user}_{:08x}", now_ms() as u32))?,
    };
    let mut conversation = bot.conversation(key);
    for text in said.iter().take(messages) {
        conversation
            .say(Message::human(text.as_str()), &mut |_| {})
            .await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(conversation.rest().await?)
}

fn model() -> Result<Arc<dyn ChatModel>, Box<dyn Error>> {
    let is_named = |name: &str| std::env::var_os(name).is_some();
    if is_named("EVERTHREAD_MODEL") || is_named("OPENAI_API_KEY") {
        return Ok(everthread::model_from_env()?);
    }
    Ok(Arc::new(Scripted::echo()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let manager = MemoryManager::open(DATABASE, MAX_CONNECTIONS)?;
    let bot = Chatbot::new(
        Arc::clone(&manager.store),
        model()?,
        ContextPolicy::default(),
    )?;

    println!("=== Testing Scalable Memory System ===");
    println!("\n1. Running concurrent conversation simulation...");
    let conversations = (0..USERS).map(|number| {
        let bot = &bot;
        async move {
            let user = format!("user_{number}");
            if let Err(error) = simulate_user_conversation(bot, &user, MESSAGES).await {
                println!("Error in conversation {user}: {error}");
            }
        }
    });
    futures::stream::iter(conversations)
        .for_each_concurrent(WORKERS, |conversation| conversation)
        .await;
    println!("\n2. Completed {USERS} concurrent conversations");

    println!("\n3. Memory statistics:");
    for (key, value) in manager.statistics().await? {
        println!("   {key}: {value}");
    }
    manager.shutdown().await?;
    println!("\n=== Scalable Memory Test Complete ===");
    Ok(())
}
