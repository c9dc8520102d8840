//! A server on a port of its own, and a client of it.

use std::sync::Arc;
use std::time::Duration;

use everthread_chat::{CHAT, Chatbot, ContextPolicy, GRAPH, Models};
use everthread_model::scripted::Scripted;
use everthread_model::{ChatModel, ModelConfig};
use everthread_server::{LimitSettings, Offer, Server, Settings};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
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
    pub store: Arc<dyn Store>,
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
        let echo: Arc<dyn ChatModel> = Arc::new(Scripted::echo());
        let models = Models::new(echo)
            .opening(|name| everthread_model::open(&name.parse()?, &ModelConfig::default()));
        let bot = Chatbot::new(store.clone(), models, ContextPolicy::default());
        let bot = bot.expect("the chat graph");
        let mut server = Server::new(store.clone())
            .settings(settings)
            .limits(limits)
            .offer(offer());
        for graph in bot.graphs().expect("the built-in graphs") {
            server = server.graph(graph);
        }
        for graph in graphs(&store, &holds) {
            server = server.graph(graph);
        }
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
