//! A server on a port of its own, and a client of it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use everthread_backup::Opener;
use everthread_chat::{CHAT, Chatbot, ContextPolicy, GRAPH, Models};
use everthread_model::scripted::Scripted;
use everthread_model::{ChatModel, ModelConfig};
use everthread_server::{Backups, LimitSettings, Offer, Reopen, Server, Settings};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::{Store, StoreError};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::agent::{Holds, graphs};
use crate::sse::Events;

/// How long anything may take before a test fails instead of hanging.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A server on a port of its own.
pub struct TestApp {
    pub base: String,
    pub client: Client,
    pub holds: Holds,
    /// The store that it was begun with.
    pub store: Arc<dyn Store>,
    /// Where a store in a file and its backups are.
    pub dir: Option<TempDir>,
    /// How often stores that were replaced do not open.
    pub broken: Arc<AtomicU32>,
    user: String,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<std::io::Result<()>>>,
}

/// What an answer was.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    }

    /// The body of an answer that must be fine.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }
}

/// The chat graph with the models that tests talk to; the first answers when none is named.
fn offer() -> Offer {
    let first = Offer::new(GRAPH)
        .reply_of(CHAT)
        .model("scripted:echo", false);
    ["slow", "fail", "fail-midway", "hang"]
        .iter()
        .fold(first, |offer, script| {
            offer.model(format!("scripted:{script}"), false)
        })
        .model("scripted:tools", true)
}

/// Settings for tests: webhooks may reach the test itself, and a shutdown does not wait for held runs.
pub fn settings() -> Settings {
    Settings {
        private_webhooks: true,
        shutdown: Duration::from_millis(200),
        ..Settings::default()
    }
}

/// A server with every graph.
fn server(
    store: &Arc<dyn Store>,
    settings: Settings,
    holds: &Holds,
    limits: LimitSettings,
) -> Server {
    let echo: Arc<dyn ChatModel> = Arc::new(Scripted::echo());
    let models = Models::new(echo)
        .opening(|name| everthread_model::open(&name.parse()?, &ModelConfig::default()));
    let bot = Chatbot::new(store.clone(), models, ContextPolicy::default());
    let bot = bot.expect("the chat graph");
    let server = Server::new(store.clone())
        .settings(settings)
        .limits(limits)
        .offer(offer());
    let built_in = bot.graphs().expect("the built-in graphs");
    let all = built_in.into_iter().chain(graphs(store, holds));
    all.fold(server, Server::graph)
}

/// Opens SQLite files.
pub struct Files;

#[async_trait]
impl Opener for Files {
    async fn open(&self, path: &Path) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(SqliteStore::open(SqliteOptions::at(path))?))
    }

    fn is_open(&self, path: &Path) -> bool {
        SqliteStore::is_open(path)
    }

    fn beside(&self, path: &Path) -> Vec<PathBuf> {
        SqliteStore::files_beside(path)
    }
}

/// Opens the server's store again.
struct Again {
    file: PathBuf,
    settings: Settings,
    holds: Holds,
    broken: Arc<AtomicU32>,
}

impl Again {
    fn over(&self, store: &Arc<dyn Store>) -> Server {
        let limits = LimitSettings::default();
        server(store, self.settings.clone(), &self.holds, limits)
    }
}

#[async_trait]
impl Reopen for Again {
    async fn reopen(&self) -> Result<Server, Box<dyn Error + Send + Sync>> {
        let fails = |left: u32| left.checked_sub(1);
        if self
            .broken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails)
            .is_ok()
        {
            return Err("the test wants it not to open".into());
        }
        Ok(self.over(&Files.open(&self.file).await?))
    }
}

impl TestApp {
    /// A server over a store in memory.
    pub async fn new() -> Self {
        Self::with(settings()).await
    }

    /// The same with other settings.
    pub async fn with(settings: Settings) -> Self {
        let options = SqliteOptions::memory();
        let store = SqliteStore::open(options).expect("a store in memory");
        Self::over(Arc::new(store), settings, Holds::default()).await
    }

    /// A server over this store.
    pub async fn over(store: Arc<dyn Store>, settings: Settings, holds: Holds) -> Self {
        Self::limited(store, settings, holds, LimitSettings::default()).await
    }

    /// The same with other limits.
    pub async fn limited(
        store: Arc<dyn Store>,
        settings: Settings,
        holds: Holds,
        limits: LimitSettings,
    ) -> Self {
        let server = server(&store, settings, &holds, limits);
        Self::serve(server, store, holds, None).await
    }

    /// A server over a store in a file, with a folder of backups, which may replace it.
    pub async fn backed() -> Self {
        Self::backed_with(settings(), Holds::default()).await
    }

    /// The same with other settings.
    pub async fn backed_with(settings: Settings, holds: Holds) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let again = Again {
            file: dir.path().join("chat.db"),
            settings,
            holds: holds.clone(),
            broken: Arc::default(),
        };
        let broken = again.broken.clone();
        let store = Files.open(&again.file).await.expect("a store");
        let server = again.over(&store);
        let backups = Backups::new(dir.path().join("backups"), Arc::new(Files));
        let backups = backups.replacing(again.file.clone(), Arc::new(again));
        let mut app = Self::serve(server.backups(backups), store, holds, Some(dir)).await;
        app.broken = broken;
        app
    }

    async fn serve(
        server: Server,
        store: Arc<dyn Store>,
        holds: Holds,
        dir: Option<TempDir>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.serve(listener, async move {
            let _ = stopped.await;
        }));
        Self {
            base,
            client: Client::builder().timeout(LIMIT).build().expect("a client"),
            holds,
            store,
            dir,
            broken: Arc::default(),
            user: "ann".to_owned(),
            stop: Some(stop),
            served: Some(served),
        }
    }

    /// The same server as another user sees it.
    pub fn as_user(&self, user: &str) -> Self {
        Self {
            base: self.base.clone(),
            client: self.client.clone(),
            holds: self.holds.clone(),
            store: self.store.clone(),
            dir: None,
            broken: self.broken.clone(),
            user: user.to_owned(),
            stop: None,
            served: None,
        }
    }

    /// Stops the server as an operator would, and waits until it has stopped.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(served) = self.served.take() {
            served.await.expect("no panic").expect("served well");
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.client
            .request(method, url)
            .header("X-Everthread-User", &self.user)
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        answer(request.send().await.expect("an answer")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body))
            .await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body))
            .await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A stream of events that is begun with a POST.
    pub async fn stream(&self, path: &str, body: Value) -> Events {
        let request = self.request(Method::POST, path).json(&body);
        Events::of(request.send().await.expect("an answer"))
    }

    /// A stream of events that is joined.
    pub async fn join(&self, path: &str, last_event: Option<&str>) -> Events {
        let mut request = self.request(Method::GET, path);
        if let Some(id) = last_event {
            request = request.header("Last-Event-ID", id);
        }
        Events::of(request.send().await.expect("an answer"))
    }

    /// A new thread's id.
    pub async fn thread(&self) -> String {
        let made = self.post("/threads", json!({})).await.ok();
        made["thread_id"].as_str().expect("an id").to_owned()
    }

    /// Says something to the test graph and waits for what it comes to.
    pub async fn say(&self, thread: &str, text: &str) -> Value {
        self.post(&format!("/threads/{thread}/runs/wait"), said(text))
            .await
            .ok()
    }

    /// Says something in the background; gives the run's id.
    pub async fn begin(&self, thread: &str, body: Value) -> String {
        let run = self
            .post(&format!("/threads/{thread}/runs"), body)
            .await
            .ok();
        run["run_id"].as_str().expect("an id").to_owned()
    }

    /// The state of a thread now.
    pub async fn state(&self, thread: &str) -> Value {
        self.get(&format!("/threads/{thread}/state")).await.ok()
    }
}

pub async fn answer(response: Response) -> Answer {
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        text: response.text().await.expect("a body"),
    }
}

/// A run of the test graph with this input.
pub fn said(text: &str) -> Value {
    json!({"assistant_id": "agent", "input": input(text)})
}

/// One message of a person.
pub fn input(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

/// A body with more fields.
pub fn with(mut body: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("more fields are an object")
    };
    body.as_object_mut().expect("an object").extend(more);
    body
}

/// What the messages of a state say.
pub fn texts(values: &Value) -> Vec<String> {
    let messages = values["messages"].as_array().expect("messages");
    let text = |one: &Value| one["content"].as_str().expect("text").to_owned();
    messages.iter().map(text).collect()
}
