//! Exercise 5: a chatbot as one would run it: health, errors that are handled, figures, a log.
//!
//!     cargo run --release --example production
//!
//! The program serves the chat graph over HTTP and asks its own server. The model fails once, at a message that speaks
//! of an outage. With `OPENAI_API_KEY` the model is gpt-4o-mini, otherwise the local one (`everthread models pull` gets
//! it); `EVERTHREAD_MODEL` names any other.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use everthread::model::{ModelError, ModelErrorKind, Reply, TokenSink};
use everthread::prelude::*;
use everthread::server::{Metered, Metrics, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing_appender::rolling::{RollingFileAppender, Rotation};

const DATABASE: &str = "production_chatbot.db";
/// The log is `chatbot_production.DATE.log`, a new file each day.
const LOG: &str = "chatbot_production";
const LOG_FILES: usize = 14;
const USER: &str = "production_test_user";
const THREAD: &str = "production_test_thread";
/// The counters of the exercise, as `/metrics` names them.
const COUNTERS: [&str; 4] = [
    "conversations_created",
    "messages_processed",
    "errors",
    "database_operations",
];

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A model that fails at the first message that speaks of an outage, and is well again after it.
#[derive(Debug)]
struct OnceDown {
    model: Arc<dyn ChatModel>,
    was_down: AtomicBool,
}

#[async_trait]
impl ChatModel for OnceDown {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn window_tokens(&self) -> usize {
        self.model.window_tokens()
    }

    fn count_tokens(&self, messages: &[Arc<Message>]) -> usize {
        self.model.count_tokens(messages)
    }

    async fn generate(
        &self,
        request: ChatRequest,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        let asked = request.messages.last();
        let is_outage = asked.is_some_and(|message| message.text().contains("outage"));
        if is_outage && !self.was_down.swap(true, Ordering::Relaxed) {
            let error = ModelError::new(ModelErrorKind::Unavailable, self.name());
            return Err(error.detail("it is down, as this exercise wants it"));
        }
        self.model.generate(request, sink).await
    }
}

/// The server as its callers see it.
struct Production {
    url: String,
    http: reqwest::Client,
}

impl Production {
    /// A turn of the test conversation; without a message, one that was broken off is gone on with.
    async fn process(&self, message: Option<&str>) -> Outcome<Value> {
        let input = message.map(|text| json!({"messages": [{"role": "user", "content": text}]}));
        let body = json!({"assistant_id": "chat", "if_not_exists": "create", "input": input});
        let url = format!("{}/threads/{THREAD}/runs/wait", self.url);
        let request = self.http.post(url).header("X-Everthread-User", USER);
        let answer = request.json(&body).send().await?;
        let state: Value = answer.error_for_status()?.json().await?;
        match state.get("__error__") {
            Some(error) => Err(format!("{}: {}", error["error"], error["message"]).into()),
            None => Ok(state),
        }
    }

    async fn health(&self) -> Outcome<Value> {
        let answer = self.http.get(format!("{}/health", self.url)).send().await?;
        Ok(answer.json().await?)
    }

    /// A figure of `/metrics`; 0 where nothing was counted yet.
    async fn figure(&self, name: &str) -> Outcome<f64> {
        let answer = self.http.get(format!("{}/metrics", self.url)).send();
        let text = answer.await?.error_for_status()?.text().await?;
        let found = text.lines().find_map(|line| {
            let (known, value) = line.split_once(' ')?;
            (known == name).then(|| value.parse().ok())?
        });
        Ok(found.unwrap_or(0.0))
    }

    async fn counter(&self, name: &str) -> Outcome<f64> {
        self.figure(&format!("everthread_{name}_total")).await
    }
}

/// What `/health` says of one part.
fn part<'h>(health: &'h Value, name: &str) -> &'h Value {
    let parts = health["components"].as_array();
    let found = parts.and_then(|parts| parts.iter().find(|part| part["name"] == name));
    found.unwrap_or(&Value::Null)
}

fn size_mb(health: &Value) -> f64 {
    let bytes = &part(health, "storage")["facts"]["file_bytes"];
    bytes.as_f64().unwrap_or(0.0) / f64::from(1 << 20)
}

async fn health_check(production: &Production) -> Outcome<()> {
    println!("\n1. Health Check:");
    let health = production.health().await?;
    println!("   status: {}", health["status"]);
    println!(
        "   database_connection: {}",
        part(&health, "storage")["status"]
    );
    let mut metrics = serde_json::Map::new();
    for name in COUNTERS {
        let count = production.counter(name).await? as u64;
        metrics.insert(name.to_owned(), count.into());
    }
    println!("   metrics: {}", Value::Object(metrics));
    println!("   database_size_mb: {:.3}", size_mb(&health));
    Ok(())
}

/// A model that fails costs nobody what they said: it is kept, and the next attempt goes on from there.
async fn error_handling(production: &Production) -> Outcome<()> {
    println!("\n2. Testing error handling...");
    for message in [
        Some("Test production system"),
        Some("Test production system in an outage"),
        None,
    ] {
        match production.process(message).await {
            Ok(_) => println!("   Conversation processed successfully"),
            Err(error) => println!("   Error handled: {error}"),
        }
    }
    Ok(())
}

async fn performance(production: &Production) -> Outcome<()> {
    println!("\n3. Performance Metrics:");
    let operations = production.counter("database_operations").await?;
    let errors = production.counter("errors").await?;
    let messages = production.counter("messages_processed").await?;
    let hours = production.figure("everthread_uptime_seconds").await? / 3600.0;
    println!("   total_operations: {operations}");
    println!("   error_rate: {:.4}", errors / operations.max(1.0));
    println!("   messages_per_hour: {:.0}", messages / hours);
    let health = production.health().await?;
    println!("   database_size_mb: {:.3}", size_mb(&health));
    Ok(())
}

fn recent_log() -> Outcome<()> {
    println!("\n4. Recent log entries:");
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(".")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(LOG) && name.ends_with(".log") {
            files.push(path);
        }
    }
    // The newest is the last by name.
    let Some(newest) = files.into_iter().max() else {
        println!("   Log file not found");
        return Ok(());
    };
    let text = std::fs::read_to_string(newest)?;
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(3)..] {
        println!("   {line}");
    }
    Ok(())
}

/// One JSON object a line, into a file that is changed for a new one each day.
fn begin_log() -> Outcome<()> {
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .max_log_files(LOG_FILES)
        .filename_prefix(LOG)
        .filename_suffix("log")
        .build(".")?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(file)
        .init();
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    begin_log()?;
    let metrics = Metrics::new();
    let opened = Arc::new(SqliteStore::open(SqliteOptions::at(DATABASE))?);
    let store: Arc<dyn Store> = Arc::new(Metered::new(opened, metrics.clone()));
    let model = Arc::new(OnceDown {
        model: everthread::model_from_env()?,
        was_down: AtomicBool::new(false),
    });
    let bot = Chatbot::new(store.clone(), model, ContextPolicy::default())?;
    let mut server = Server::new(store.clone()).metrics(metrics);
    for graph in bot.graphs()? {
        server = server.graph(graph);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let production = Production {
        url: format!("http://{}", listener.local_addr()?),
        http: reqwest::Client::new(),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));

    println!("=== Testing Production Memory System ===");
    health_check(&production).await?;
    error_handling(&production).await?;
    performance(&production).await?;
    recent_log()?;
    println!("\n=== Production System Test Complete ===");

    drop(production);
    drop(stop);
    serving.await??;
    Ok(store.close().await?)
}
